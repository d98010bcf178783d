import type { StreamStatus } from '#bus';

/** A far end that answers at all is asked every 30 s at the rarest. */
const silentAfterMs = 45_000;
const slowAfterMs = 10_000;

/** Why a link's messages are still here, for people, and what to do; null: they flow, or there are none. */
export function whyPending(
  to: string,
  reachable: boolean,
  stream: Pick<StreamStatus, 'state' | 'pending' | 'lastAckAgoMs'> | undefined,
): string | null {
  if (stream === undefined || stream.pending === 0 || stream.state === 'idle') return null;
  const { state, lastAckAgoMs } = stream;
  if (!reachable) return `no route to it; hypha doctor ${to}`;
  if (lastAckAgoMs === null) return `there is a route, but it has not answered since the start; hypha doctor ${to}`;
  const ago = `${Math.round(lastAckAgoMs / 1000)} s`;
  if (lastAckAgoMs > silentAfterMs) return `there is a route, but it has been silent for ${ago}; hypha doctor ${to}`;
  if (state === 'waiting')
    return 'it answers, but takes nothing now: its ring is full or its disk fails; there: hypha doctor';
  return lastAckAgoMs > slowAfterMs ? `sent, and not acknowledged for ${ago}` : null;
}
