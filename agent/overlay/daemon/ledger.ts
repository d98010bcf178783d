import { BoundedQueue, type Instant, since } from '#kernel';

/** Stock keeps a message in memory for so long after it was given to it, delivered or not. */
const keptMs = 10 * 60_000;
/** What one daemon may hold of ours at a time: 12,000 in 10 minutes are 20 a second, 96 MB are 160 kB a second. */
export const ledgerLimits = { messages: 12_000, bytes: 96 * 1024 * 1024 };

interface Kept {
  readonly since: Instant;
  readonly bytes: number;
}

/** What the daemon still holds of what it was given: it has no bound of its own. */
export class Ledger {
  readonly #kept = new BoundedQueue<Kept>(ledgerLimits.messages);
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#kept.count;
  }

  hasRoom(bytes: number, now: Instant): boolean {
    this.#forget(now);
    return this.#kept.count < ledgerLimits.messages && this.#bytes + bytes <= ledgerLimits.bytes;
  }

  /** Only after `hasRoom`. */
  add(bytes: number, now: Instant): void {
    this.#kept.push({ since: now, bytes });
    this.#bytes += bytes;
  }

  /** The daemon has been started anew. */
  clear(): void {
    while (this.#kept.shift() !== undefined);
    this.#bytes = 0;
  }

  #forget(now: Instant): void {
    for (let oldest = this.#kept.peek(); oldest !== undefined; oldest = this.#kept.peek()) {
      if (since(oldest.since, now) < keptMs) return;
      this.#kept.shift();
      this.#bytes -= oldest.bytes;
    }
  }
}
