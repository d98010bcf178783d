import type { PublicKey } from '#kernel';
import { getUint48, sparseEntryBytes, viewOf } from './layout.ts';
import type { Position } from './position.ts';
import { NameReader, provenanceOf, recordKind, recordLength, type StoredProvenance } from './record.ts';
import type { Batch } from './tail.ts';

/** Says whether a stored provenance names a node. */
export type Names = (stored: StoredProvenance, key: PublicKey) => boolean;

/** Which of a batch's records a cursor is to get. Looks at no more of a record than is needed to say no. */
export class Matcher {
  readonly #position: Position;
  readonly #names: Names;
  readonly #topics = new NameReader();

  constructor(position: Position, names: Names) {
    this.#position = position;
    this.#names = names;
  }

  /** The topic of the record at `at` if it is wanted. */
  topicIfWanted(bytes: Buffer, view: DataView, at: number, sequence: number): string | null {
    if (view.getUint8(at + 4) !== recordKind.message) return null;
    const { except } = this.#position;
    if (except !== null) {
      const provenance = provenanceOf(view, at);
      if (provenance !== null && this.#names(provenance, except)) return null;
    }
    const topic = this.#topics.of(bytes, view, at);
    return this.#position.wants(topic, sequence) ? topic : null;
  }

  /** The sequences after `after` and up to `to` that match. */
  *matching(batch: Batch, after: number, to: number): Generator<number> {
    const view = viewOf(batch.bytes);
    let sequence = batch.first;
    for (let at = batch.from; at < batch.end && sequence <= to; sequence++) {
      if (batch.sparse) {
        sequence = getUint48(view, at);
        at += sparseEntryBytes;
        if (sequence > to) return;
      }
      const length = recordLength(view, at, batch.end);
      if (length === 0) return;
      if (sequence > after && this.topicIfWanted(batch.bytes, view, at, sequence) !== null) yield sequence;
      at += length;
    }
  }
}
