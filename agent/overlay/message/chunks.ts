import { chunkCountOf, chunkHeaderBytes, headerBytes } from './wire.ts';

const overheadBytes = headerBytes + chunkHeaderBytes;

const unsent = 0;
const underWay = 1;
const acked = 2;
/** Sent, and not believed to have come through; a late ack still counts. */
const lost = 3;

/** How far an ack must be ahead of a chunk before that chunk counts as lost: links keep order, detours may not. */
const overtakenBy = 3;

/**
 * How a payload is cut (n = ceil(total / 1,300) parts of floor(total / n) bytes, the first total mod n one longer) and
 * how far each part has come: unsent → under way → acked, or under way → lost → under way.
 */
export class Chunks {
  readonly count: number;
  readonly #size: number;
  readonly #longer: number;
  readonly #states: Uint8Array;
  #cursor = 0;
  #acked = 0;
  #underWay = 0;
  #underWayBytes = 0;
  #highest = -1;
  #lowest = 0;
  #nextRepair = 0;

  constructor(totalBytes: number) {
    this.count = chunkCountOf(totalBytes);
    this.#size = this.count === 0 ? 0 : Math.floor(totalBytes / this.count);
    this.#longer = this.count === 0 ? 0 : totalBytes % this.count;
    this.#states = new Uint8Array(this.count);
  }

  get acked(): number {
    return this.#acked;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** With the headers of the chunks. */
  get underWayBytes(): number {
    return this.#underWayBytes + this.#underWay * overheadBytes;
  }

  get areAllAcked(): boolean {
    return this.#acked === this.count;
  }

  offset(index: number): number {
    return index * this.#size + Math.min(index, this.#longer);
  }

  size(index: number): number {
    return index < this.#longer ? this.#size + 1 : this.#size;
  }

  /** The lowest chunk that wants sending, or -1. */
  next(): number {
    while (this.#cursor < this.count) {
      const state = this.#states[this.#cursor];
      if (state === unsent || state === lost) return this.#cursor;
      this.#cursor++;
    }
    return -1;
  }

  isUnsent(index: number): boolean {
    return this.#states[index] === unsent;
  }

  /** True when it had been sent before. */
  sent(index: number): boolean {
    const again = this.#states[index] === lost;
    this.#states[index] = underWay;
    this.#underWay++;
    this.#underWayBytes += this.size(index);
    this.#highest = Math.max(this.#highest, index);
    return again;
  }

  /** `new`: first ack. `again`: it was acked before. `stray`: never sent in this attempt. */
  ack(index: number): 'new' | 'again' | 'stray' {
    const state = this.#states[index];
    if (state === acked) return 'again';
    if (state !== underWay && state !== lost) return 'stray';
    if (state === underWay) {
      this.#underWay--;
      this.#underWayBytes -= this.size(index);
    }
    this.#states[index] = acked;
    this.#acked++;
    return 'new';
  }

  /** Counts what the ack of `index` has overtaken as lost, once a flight. True when there was any. */
  overtaken(index: number): boolean {
    while (this.#lowest < this.count && this.#states[this.#lowest] === acked) this.#lowest++;
    if (index - this.#lowest < overtakenBy || index < this.#nextRepair) return false;
    this.#nextRepair = this.#highest + 1;
    return this.#lose(this.#lowest, index - overtakenBy + 1);
  }

  loseAll(): void {
    this.#lose(0, this.#highest + 1);
  }

  /** The far side has begun anew and holds only `index`. */
  onlyHolds(index: number): void {
    for (let at = 0; at < this.count; at++) this.#states[at] = at === index ? acked : lost;
    this.#acked = 1;
    this.#underWay = 0;
    this.#underWayBytes = 0;
    this.#cursor = 0;
    this.#lowest = 0;
    this.#nextRepair = 0;
  }

  forget(): void {
    this.#states.fill(unsent);
    this.#acked = 0;
    this.#underWay = 0;
    this.#underWayBytes = 0;
    this.#cursor = 0;
    this.#lowest = 0;
    this.#nextRepair = 0;
    this.#highest = -1;
  }

  #lose(from: number, to: number): boolean {
    const before = this.#underWay;
    for (let index = from; index < to; index++) {
      if (this.#states[index] !== underWay) continue;
      this.#states[index] = lost;
      this.#underWay--;
      this.#underWayBytes -= this.size(index);
      this.#cursor = Math.min(this.#cursor, index);
    }
    return this.#underWay < before;
  }
}
