import type { CursorKeeping, Keeping } from './types.ts';

/** `full`: its lane has given it up. */
export type Fate = 'kept' | 'expired' | 'full';

/** Decides, for one cursor, which of the records that wait are still to be handed out. */
export class Keeper {
  readonly #keeping: CursorKeeping;
  #topic = '';
  #known: Keeping | null = null;

  constructor(keeping: CursorKeeping) {
    this.#keeping = keeping;
    this.#known = keeping.of('');
  }

  fateOf(topic: string, born: number, body: Uint8Array, now: number): Fate {
    return now > this.expiresAt(topic, born, body) ? 'expired' : 'kept';
  }

  /** The ring time after which the record is dropped; Infinity: never. */
  expiresAt(topic: string, born: number, body: Uint8Array): number {
    const ttl = this.#of(topic)?.ttl ?? Number.POSITIVE_INFINITY;
    return born + Math.min(ttl, this.#keeping.lifeOf(body));
  }

  #of(topic: string): Keeping | null {
    if (topic === this.#topic) return this.#known;
    this.#topic = topic;
    this.#known = this.#keeping.of(topic);
    return this.#known;
  }
}
