import type { Epoch } from '#kernel';

/** A batch as read: records lie from `from` to `end`. */
export interface Batch {
  readonly bytes: Buffer;
  readonly from: number;
  readonly end: number;
  readonly first: number;
  readonly last: number;
  readonly epoch: Epoch;
  /** Each record is preceded by its sequence; without it they follow one another from `first` on. */
  readonly sparse: boolean;
  /** Entries of the tally that stands right before `from`. */
  readonly tallied: number;
}

/** The newest durable batches in memory, so that who keeps up never reads from the disk. Bounded; the oldest go first. */
export class Tail {
  readonly #limitBytes: number;
  #batches: Batch[] = [];
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  add(batch: Batch): void {
    if (batch.last < batch.first) return;
    this.#batches.push(batch);
    this.#bytes += batch.bytes.length;
    while (this.#bytes > this.#limitBytes) this.#dropOldest();
  }

  /** The batch that holds the sequence, if it is here. */
  find(sequence: number): Batch | undefined {
    const batches = this.#batches;
    let low = 0;
    let high = batches.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const batch = batches[middle] as Batch;
      if (sequence < batch.first) high = middle - 1;
      else if (sequence > batch.last) low = middle + 1;
      else return batch;
    }
    return undefined;
  }

  /** Nobody needs batches up to here any more. */
  forget(upTo: number): void {
    while (this.#batches.length > 0 && (this.#batches[0] as Batch).last <= upTo) this.#dropOldest();
  }

  #dropOldest(): void {
    this.#bytes -= this.#batches.shift()?.bytes.length ?? 0;
  }
}
