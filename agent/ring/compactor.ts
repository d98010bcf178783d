import type { Log as Journal } from '#kernel';
import { pageBytes } from '#kernel';
import { type Findings, planned, wantedIn } from './compaction-plan.ts';
import { lanes } from './lanes.ts';
import { viewOf } from './layout.ts';
import type { Log } from './log.ts';
import { Matcher, type Names } from './matcher.ts';
import type { Position } from './position.ts';
import { entriesOf } from './record.ts';
import { encodeSegmentHeader, type Segment } from './segment.ts';
import { type SparsePlace, SparseWriter } from './sparse-writer.ts';
import type { Batch } from './tail.ts';
import { Walker } from './walker.ts';

/** Commits wait for a piece no longer than for one of their own. */
const pieceBytes = 256 * 1024;

export interface CompactorOptions {
  readonly log: Log;
  readonly journal: Journal;
  readonly positions: ReadonlyMap<number, Position>;
  readonly names: Names;
  /** Both checkpoints hold everything up to here. */
  readonly coveredTo: () => number;
  readonly ringTime: () => number;
  /** Does some writing while no commit is under way; null when the ring closes. */
  readonly between: <T>(work: () => Promise<T>) => Promise<T | null>;
}

/**
 * Rewrites old segments into one that holds only what some cursor still wants, so that a reader who stays away holds no
 * more space than its own records take. Safe at every operation: the new segment lies in a free slot and is nothing
 * until a checkpoint lists it; the old ones stay where they are until both checkpoints do.
 */
export class Compactor {
  readonly #options: CompactorOptions;
  readonly #findings: Findings = new WeakMap();
  #sources: ReadonlySet<Segment> = new Set();
  #stopped = false;
  /** Segments that were rewritten, and what came of them, since the start. */
  readonly counts = { runs: 0, sources: 0, keptRecords: 0 };

  constructor(options: CompactorOptions) {
    this.#options = options;
  }

  /** It reads this segment now: it must not be freed. */
  reads(segment: Segment): boolean {
    return this.#sources.has(segment);
  }

  /** Segments would be worth it, were they behind both checkpoints. */
  get waitsForCheckpoint(): boolean {
    const { log, positions, coveredTo } = this.#options;
    if (log.freeSlots <= log.geometry.reserveSlots || planned(log, positions, coveredTo(), this.#findings).length > 0)
      return false;
    return planned(log, positions, Number.POSITIVE_INFINITY, this.#findings).length > 0;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** True when segments were replaced: their slots are free after two checkpoints. */
  async run(): Promise<boolean> {
    const { log, positions, coveredTo } = this.#options;
    const sources = planned(log, positions, coveredTo(), this.#findings);
    const slot = sources.length === 0 ? null : log.takeSpareSlot();
    if (slot === null) return false;
    this.#sources = new Set(sources);
    let done = false;
    try {
      done = await this.#compact(sources, slot);
    } finally {
      this.#sources = new Set();
      if (!done) log.giveBack(slot);
    }
    return done;
  }

  async #compact(planned: readonly Segment[], slot: number): Promise<boolean> {
    const built = await this.#build(planned);
    if (built === null || this.#stopped) return false;
    const { sources, compacted, bytes } = built;
    const segment = { ...compacted, slot };
    const { log } = this.#options;
    bytes.set(this.#header(segment));
    for (let at = 0; at < segment.end; at += pieceBytes) {
      const piece = bytes.subarray(at, Math.min(at + pieceBytes, segment.end));
      if (!(await this.#between(() => log.writePiece(slot, at, piece)))) return false;
    }
    if (!(await this.#between(() => log.finishPieces()))) return false;
    this.#swap(sources, segment);
    return true;
  }

  /** False when the ring closes. */
  async #between(work: () => Promise<void>): Promise<boolean> {
    const done = await this.#options.between(async () => {
      await work();
      return true;
    });
    return done === true && !this.#stopped;
  }

  #swap(sources: readonly Segment[], segment: Segment): void {
    const { log, journal, positions } = this.#options;
    log.replace(sources, segment);
    this.#findings.set(segment, { bytes: segment.end - pageBytes, wanted: wantedIn(log, segment, positions) });
    this.counts.runs++;
    this.counts.sources += sources.length;
    const { first: fromSequence, last: toSequence, id, end: sizeBytes } = segment;
    journal.debug('ring-compacted', () => ({ segment: id, of: sources.length, fromSequence, toSequence, sizeBytes }));
  }

  #header({ id, first, slot }: Segment): Uint8Array {
    const { ringId, geometry, wrapping } = this.#options.log;
    const { segmentBytes } = geometry;
    return encodeSegmentHeader({ ringId, id, first, segmentBytes, slot, sparse: true, keyId: wrapping.keyId });
  }

  /** As many of the planned segments as fit in one; null when that is fewer than two. */
  async #build(planned: readonly Segment[]) {
    const { log, ringTime } = this.#options;
    const first = (planned[0] as Segment).first;
    const { segmentBytes } = log.geometry;
    const { wrapping, ringId } = log;
    const { frontBytes } = wrapping;
    const seal: SparsePlace['seal'] = (bytes, header, at) => wrapping.sealInPlace(bytes, header, at);
    const place = { ringId, segmentBytes, first, ringTime: ringTime(), frontBytes, seal };
    const writer = new SparseWriter(place);
    const taken: Segment[] = [];
    const laneBytes = [0, 0, 0];
    for (const segment of planned) {
      const mark = writer.mark();
      const wanted = wantedIn(log, segment, this.#options.positions);
      const kept = [0, 0, 0];
      const outcome = await this.#take(segment, writer, kept);
      // Of one that does not fit behind others nothing is known.
      if (outcome === 'unreadable' || (outcome === 'too-long' && taken.length === 0))
        this.#findings.set(segment, { bytes: segmentBytes, wanted });
      if (outcome !== 'taken') {
        writer.goBack(mark);
        break;
      }
      this.#findings.set(segment, { bytes: writer.bytesSince(mark), wanted });
      taken.push(segment);
      for (const lane of lanes) laneBytes[lane] = (laneBytes[lane] ?? 0) + (kept[lane] ?? 0);
    }
    const last = taken.at(-1);
    if (last === undefined || taken.length < 2) return null;
    this.counts.keptRecords += writer.records;
    const end = writer.finish(last.last, last.id);
    const compacted = { ...summed(taken), laneBytes, first, last: last.last, id: last.id, end };
    return { sources: taken, compacted, bytes: writer.bytes };
  }

  async #take(segment: Segment, writer: SparseWriter, kept: number[]): Promise<'taken' | 'too-long' | 'unreadable'> {
    const { log, names } = this.#options;
    const wanting = [...this.#options.positions.values()].filter(({ durableTo }) => durableTo < segment.last);
    const matchers = wanting.map((position) => ({ position, matcher: new Matcher(position, names) }));
    const wanted = (batch: Batch, view: DataView, at: number, sequence: number): boolean =>
      matchers.some(
        ({ position, matcher }) =>
          sequence > position.durableTo && matcher.topicIfWanted(batch.bytes, view, at, sequence) !== null,
      );
    const walker = new Walker(log, () => undefined);
    try {
      for (let after = segment.first - 1; after < segment.last; ) {
        const step = await walker.next(after, segment.last);
        if (step === null || step.kind === 'lost' || this.#stopped) return 'unreadable';
        const { batch } = step;
        const view = viewOf(batch.bytes);
        for (const { at, sequence, length, record } of entriesOf(batch)) {
          if (!wanted(batch, view, at, sequence)) continue;
          if (!writer.add(batch, at, sequence, length)) return 'too-long';
          kept[record.lane] = (kept[record.lane] ?? 0) + length;
        }
        after = batch.last;
        walker.reuse();
      }
      return 'taken';
    } finally {
      walker.release();
      walker.reuse();
    }
  }
}

function summed(sources: readonly Segment[]): Omit<Segment, 'id' | 'slot' | 'first' | 'last' | 'end' | 'laneBytes'> {
  const matches = new Map<number, number>();
  for (const source of sources)
    for (const [cursor, count] of source.matches) matches.set(cursor, count + (matches.get(cursor) ?? 0));
  const born = Math.min(...sources.map((source) => source.born));
  return { matches, born, lost: null, sparse: true };
}
