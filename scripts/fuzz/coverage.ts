/** How many places can be counted; more share a counter. A power of two. */
export const placeCount = 1 << 13;
const pairLimit = 64;

/** What one run went through: a counter a place, and the numbers it compared that were not equal. */
export interface Trace {
  readonly hits: Uint8Array;
  readonly pairs: (readonly [number, number])[];
}

declare global {
  var fuzzHits: Uint8Array;
  var fuzzCompare: (a: unknown, b: unknown) => void;
}

/** Installs what instrumented code calls (see instrument.ts) and returns what it writes to. */
export function installTrace(): Trace {
  const hits = new Uint8Array(placeCount);
  const pairs: (readonly [number, number])[] = [];
  globalThis.fuzzHits = hits;
  globalThis.fuzzCompare = (a, b) => {
    if (typeof a === 'number' && typeof b === 'number' && a !== b && pairs.length < pairLimit) pairs.push([a, b]);
  };
  return { hits, pairs };
}

export function clearTrace(trace: Trace): void {
  trace.hits.fill(0);
  trace.pairs.length = 0;
}

/** Everything any run has gone through, by place and by how often: 1, 2, 3, 4–7, 8–15, 16–31, 32–127, more (as in AFL). */
export class Coverage {
  readonly #seen = new Uint8Array(placeCount);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** How much of a trace is new; it is old from now on. */
  add(hits: Uint8Array): number {
    const before = this.#count;
    const words = new BigUint64Array(hits.buffer, hits.byteOffset, hits.length / 8);
    for (let word = 0; word < words.length; word++) if (words[word] !== 0n) this.#addEight(hits, word * 8);
    return this.#count - before;
  }

  #addEight(hits: Uint8Array, from: number): void {
    for (let place = from; place < from + 8; place++) {
      const bit = bucketOf(hits[place] ?? 0);
      const seen = this.#seen[place] ?? 0;
      if ((seen & bit) === bit) continue;
      this.#seen[place] = seen | bit;
      this.#count++;
    }
  }
}

function bucketOf(count: number): number {
  if (count <= 3) return count === 0 ? 0 : 1 << (count - 1);
  if (count <= 7) return 8;
  if (count <= 15) return 16;
  if (count <= 31) return 32;
  return count <= 127 ? 64 : 128;
}
