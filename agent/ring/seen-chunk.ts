/** Sequences in one chunk. */
export const chunkSequences = 4_096;
const rawBytes = chunkSequences / 8;

/** Which of 4,096 consecutive sequences of one boot are stored here. */
export class SeenChunk {
  /** The chunk's place among those of its boot: its first sequence over 4,096. */
  readonly index: number;
  /** The record of this ring that was last marked in it. */
  usedAt = 0;
  readonly #bits: Uint8Array;
  #encoded: Uint8Array | null = null;

  constructor(index: number, bits = new Uint8Array(rawBytes)) {
    this.index = index;
    this.#bits = bits;
  }

  has(sequence: number): boolean {
    const bit = sequence % chunkSequences;
    return ((this.#bits[bit >> 3] as number) & (1 << (bit & 7))) !== 0;
  }

  add(sequence: number, usedAt: number): void {
    const bit = sequence % chunkSequences;
    const at = bit >> 3;
    this.#bits[at] = (this.#bits[at] as number) | (1 << (bit & 7));
    this.usedAt = usedAt;
    this.#encoded = null;
  }

  /** How many are stored. */
  get count(): number {
    let count = 0;
    for (let bit = 0; bit < chunkSequences; bit++) if (this.has(bit)) count++;
    return count;
  }

  /** Runs where they are shorter than the bits, as they nearly always are; kept until the next mark. */
  encoded(): Uint8Array {
    this.#encoded ??= runsOf(this) ?? this.#bits.slice();
    return this.#encoded;
  }
}

/** Null: not shorter than the bits. Lengths of runs by turns, not stored first; the last run of those not stored is left out. */
function runsOf(chunk: SeenChunk): Uint8Array | null {
  const runs = new Uint8Array(rawBytes + 2);
  let length = 0;
  let from = 0;
  let stored = false;
  for (let bit = 0; bit <= chunkSequences; bit++) {
    if (bit < chunkSequences ? chunk.has(bit) === stored : !stored) continue;
    const run = bit - from;
    if (run >= 128) runs[length++] = (run & 127) | 128;
    runs[length++] = run >= 128 ? run >> 7 : run;
    if (length >= rawBytes) return null;
    from = bit;
    stored = !stored;
  }
  return runs.slice(0, length);
}

/** What does not fit is left out: a bit that is missing costs a second copy, one too many would lose a record. */
export function decodeChunk(index: number, usedAt: number, encoded: Uint8Array): SeenChunk {
  const raw = encoded.length === rawBytes;
  const chunk = new SeenChunk(index, raw ? encoded.slice() : undefined);
  if (!raw) markRuns(chunk, encoded);
  chunk.usedAt = usedAt;
  return chunk;
}

function markRuns(chunk: SeenChunk, runs: Uint8Array): void {
  let bit = 0;
  let stored = false;
  for (let at = 0; at < runs.length; at++) {
    const low = runs[at] as number;
    const run = low < 128 ? low : (low & 127) | ((runs[++at] ?? 0) << 7);
    if (bit + run > chunkSequences) return;
    if (stored) for (let each = bit; each < bit + run; each++) chunk.add(each, 0);
    bit += run;
    stored = !stored;
  }
}
