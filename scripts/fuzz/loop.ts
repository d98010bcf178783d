import { isAgentError } from '#kernel';
import { Chance } from '../../test/sim/index.ts';
import { Coverage, clearTrace, type Trace } from './coverage.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const corpusLimit = 4096;
const slowMs = 1000;
/** Believed only when it happens three times: the machine may have been busy. */
const tookTooLong = 'took';
const allocationLimitBytes = 16 << 20;

export interface Result {
  readonly runs: number;
  readonly corpus: readonly Uint8Array[];
  readonly covered: number;
  readonly finding: Finding | null;
}

export interface Finding {
  readonly bytes: Uint8Array;
  readonly why: string;
}

interface Kept {
  readonly bytes: Uint8Array;
  readonly pairs: readonly (readonly [number, number])[];
  picks: number;
}

/** Feeds a target mutations of what has led it to new places, until the time is over or something is found. */
export class Fuzzer {
  readonly #target: Target;
  readonly #trace: Trace;
  readonly #chance: Chance;
  readonly #coverage = new Coverage();
  readonly #corpus: Kept[] = [];
  readonly #before: (bytes: Uint8Array) => void;
  #runs = 0;

  /** `before` is told each input before it runs, so that a hang can be traced to it. */
  constructor(target: Target, trace: Trace, seed: number, before: (bytes: Uint8Array) => void) {
    this.#target = target;
    this.#trace = trace;
    this.#chance = new Chance(seed);
    this.#before = before;
  }

  async run(seeds: readonly Uint8Array[], forMs: number): Promise<Result> {
    const end = performance.now() + forMs;
    let finding: Finding | null = null;
    for (const bytes of [new Uint8Array(0), ...seeds]) finding ??= await this.#try(bytes);
    while (finding === null && performance.now() < end) finding = await this.#try(this.#next());
    const corpus = this.#corpus.map((kept) => kept.bytes);
    return { runs: this.#runs, corpus, covered: this.#coverage.count, finding };
  }

  /** Prefers what was picked least and what is newest. */
  #next(): Uint8Array {
    let best = this.#chance.pick(this.#corpus);
    for (let tries = 0; tries < 3; tries++) {
      const other = this.#chance.pick(this.#corpus);
      if (other.picks < best.picks) best = other;
    }
    best.picks++;
    const material = {
      others: [this.#chance.pick(this.#corpus).bytes],
      pairs: best.pairs,
      maxBytes: this.#target.maxBytes ?? 4096,
    };
    return mutate(best.bytes, this.#chance, material);
  }

  async #try(bytes: Uint8Array): Promise<Finding | null> {
    this.#before(bytes);
    clearTrace(this.#trace);
    let why = await this.#outcome(bytes);
    for (let again = 0; again < 2 && why?.startsWith(tookTooLong); again++) why = await this.#outcome(bytes);
    this.#runs++;
    const isNew = this.#coverage.add(this.#trace.hits) > 0;
    if (isNew || this.#corpus.length === 0) this.#keep(bytes);
    return why === null ? null : { bytes, why };
  }

  #keep(bytes: Uint8Array): void {
    const kept = { bytes, pairs: [...this.#trace.pairs], picks: 0 };
    if (this.#corpus.length < corpusLimit) this.#corpus.push(kept);
    else this.#corpus[this.#chance.between(0, corpusLimit - 1)] = kept;
  }

  /** Null when the target behaved. */
  async #outcome(bytes: Uint8Array): Promise<string | null> {
    const started = performance.now();
    allocated.bytes = 0;
    try {
      const returned = this.#target.run(bytes.slice());
      if (returned instanceof Promise) await returned;
    } catch (error) {
      if (!isAgentError(error)) return error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    const ms = performance.now() - started;
    if (ms > slowMs) return `${tookTooLong} ${ms.toFixed(0)} ms for ${bytes.length} bytes`;
    return allocated.bytes > allocationLimitBytes ? `asked for ${allocated.bytes} bytes of buffers` : null;
  }
}

/** Bytes asked of Buffer since the run began. */
const allocated = { bytes: 0 };
for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
  const original = Buffer[name].bind(Buffer);
  Buffer[name] = (size: number, ...rest: []) => {
    allocated.bytes += size;
    return original(size, ...rest);
  };
}
