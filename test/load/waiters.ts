interface Waiter {
  readonly condition: () => boolean;
  readonly resolve: () => void;
}

/** Promises that settle when a condition on a log comes true; asked whenever the log has grown, never by a clock. */
export class Waiters {
  readonly #waiting = new Set<Waiter>();

  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add({ condition, resolve }));
  }

  wake(): void {
    for (const waiter of this.#waiting) {
      if (!waiter.condition()) continue;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
  }
}
