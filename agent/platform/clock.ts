import type { Clock, Instant, WallTime } from '#kernel';

/** `setTimeout` takes 31 bits of milliseconds; longer waits are cut into pieces. */
const longestTimeoutMs = 2 ** 31 - 1;

/** The machine's clock. Timers keep the process alive: whoever sets one cancels it when it closes. */
export function systemClock(): Clock {
  const now = (): Instant => performance.now() as Instant;
  return {
    now,
    wall: () => Date.now() as WallTime,
    at: (when, run) => {
      let timeout: NodeJS.Timeout;
      const wait = (): void => {
        const left = when - now();
        if (left > longestTimeoutMs) timeout = setTimeout(wait, longestTimeoutMs);
        else timeout = setTimeout(run, Math.max(0, Math.ceil(left)));
      };
      if (when !== Number.POSITIVE_INFINITY) wait();
      return { cancel: () => clearTimeout(timeout) };
    },
    soon: (run) => {
      setImmediate(run);
    },
  };
}
