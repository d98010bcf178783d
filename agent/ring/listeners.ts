import type { Sequence } from '#kernel';

/** Who wants to hear of what has become durable, and of room. */
export class Listeners {
  readonly #durable = new Set<(durable: Sequence) => void>();
  readonly #room = new Set<() => void>();
  readonly #waiters: { readonly upTo: number; readonly resolve: () => void }[] = [];
  #tried: (() => void)[] = [];

  onDurable(listener: (durable: Sequence) => void): () => void {
    this.#durable.add(listener);
    return () => this.#durable.delete(listener);
  }

  onRoom(listener: () => void): () => void {
    this.#room.add(listener);
    return () => this.#room.delete(listener);
  }

  whenDurable(upTo: number): Promise<void> {
    return new Promise((resolve) => this.#waiters.push({ upTo, resolve }));
  }

  /** Resolves when the commit under way, or else the next, is durable or was refused by the disk. */
  whenTried(): Promise<void> {
    return new Promise((resolve) => this.#tried.push(resolve));
  }

  tellDurable(durable: Sequence): void {
    for (let index = this.#waiters.length - 1; index >= 0; index--) {
      const waiter = this.#waiters[index];
      if (waiter === undefined || waiter.upTo > durable) continue;
      this.#waiters.splice(index, 1);
      waiter.resolve();
    }
    for (const listener of [...this.#durable]) listener(durable);
  }

  tellTried(): void {
    const tried = this.#tried;
    this.#tried = [];
    for (const tell of tried) tell();
  }

  tellRoom(): void {
    for (const listener of [...this.#room]) listener();
  }
}
