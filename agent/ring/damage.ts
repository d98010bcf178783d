import type { Log as Journal } from '#kernel';
import type { Quarantine } from './quarantine.ts';
import type { Segment } from './segment.ts';

const rememberedPlaces = 4096;

/** Counts what the medium lost, each place once, and says where it was. */
export class DamageAccount {
  batches = 0;
  records = 0;
  readonly quarantine: Quarantine;
  readonly #journal: Journal;
  readonly #seen = new Set<string>();

  constructor(journal: Journal, quarantine: Quarantine) {
    this.quarantine = quarantine;
    this.#journal = journal;
  }

  /** The header of a segment was damaged; what lies behind it was found without. */
  header({ id, slot }: Segment): void {
    this.batches++;
    this.#journal.warn('ring-header-damaged', { segment: id, slot });
  }

  /** Records `from` to `to` should lie in the segment from `offset` on and cannot be read. */
  found(segment: Segment, offset: number, from: number, to: number): void {
    const place = `${segment.id}:${to}`;
    if (this.#seen.has(place)) return;
    if (this.#seen.size >= rememberedPlaces) this.#seen.clear();
    this.#seen.add(place);
    this.batches++;
    this.records += to - from + 1;
    this.quarantine.keep(segment, offset);
    const { id, slot } = segment;
    this.#journal.warn('ring-batch-damaged', {
      segment: id,
      slot,
      offsetBytes: offset,
      fromSequence: from,
      toSequence: to,
    });
  }
}
