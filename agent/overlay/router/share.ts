import type { PeerId } from './types.ts';

/** What stays free for what somebody has asked for, as a part of the whole. */
const reserved = 1 / 4;
/** A neighbour may hold so many times what is free. */
const shareOfFree = 2;

/**
 * How much of a table came from each neighbour. A neighbour may put in what nobody asked for only while it holds at most
 * twice what is then free (a dynamic threshold, as switches share a buffer): alone it gets half of the table, two get three
 * tenths each, and however many there are, the next one finds room.
 */
export class Shares {
  readonly #limit: number;
  readonly #held = new Map<PeerId, number>();
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  mayAdd(peer: PeerId, isAskedFor: boolean): boolean {
    if (isAskedFor) return this.#count < this.#limit;
    const free = this.#limit * (1 - reserved) - this.#count;
    return (this.#held.get(peer) ?? 0) < shareOfFree * free;
  }

  added(peer: PeerId): void {
    this.#count++;
    this.#held.set(peer, (this.#held.get(peer) ?? 0) + 1);
  }

  removed(peer: PeerId): void {
    this.#count--;
    const held = (this.#held.get(peer) ?? 0) - 1;
    if (held > 0) this.#held.set(peer, held);
    else this.#held.delete(peer);
  }

  /** Who holds most. */
  largest(): PeerId | null {
    let largest: PeerId | null = null;
    let most = 0;
    for (const [peer, held] of this.#held) {
      if (held <= most) continue;
      largest = peer;
      most = held;
    }
    return largest;
  }
}
