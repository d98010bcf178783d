import type { Epoch } from '#kernel';
import type { GapRecord, MessageRecord } from '#ring';
import type { Welcome } from './frame.ts';
import { ruleFor } from './packer.ts';
import type { Position } from './position.ts';
import type { OutgoingRule } from './types.ts';

/** A stretch that the far end has already. */
export interface Known {
  readonly place: Position;
  readonly records: number;
  /** Records of it that no link takes. */
  readonly skipped: number;
}

/**
 * After a welcome whose place lies ahead of what is settled here (the ack was lost, or this end died before it had
 * settled): goes over the ring's records up to that place. The last one of the place's own epoch proves that this ring
 * and the far end mean the same records, however many epochs lie between; everything up to it is known there. A place
 * of an epoch that this ring does not have (an older image was restored here) proves nothing, and all is sent: the far
 * end sorts the duplicates out.
 */
export class Recap {
  readonly #epoch: Epoch;
  readonly #sequence: number;
  readonly #rule: (record: MessageRecord) => OutgoingRule | null;
  #ordinal: number;
  #records = 0;
  #skipped = 0;
  /** Items beyond the place have been seen: no more to go over. */
  beyond = false;

  private constructor(
    epoch: Epoch,
    upTo: number,
    ordinal: number,
    rule: (record: MessageRecord) => OutgoingRule | null,
  ) {
    this.#epoch = epoch;
    this.#sequence = upTo;
    this.#ordinal = ordinal;
    this.#rule = rule;
  }

  /** Null when there is nothing to go over. */
  static of(
    welcome: Pick<Welcome, 'placeEpoch' | 'placeSequence'>,
    settled: Position,
    rule: (record: MessageRecord) => OutgoingRule | null,
  ): Recap | null {
    if (welcome.placeSequence <= settled.sequence) return null;
    return new Recap(welcome.placeEpoch, welcome.placeSequence, settled.ordinal, rule);
  }

  /** What of these and the ones before is now proven to be known. */
  add(items: readonly (MessageRecord | GapRecord)[]): Known | null {
    let known: Known | null = null;
    for (const item of items) {
      if ((item.kind === 'gap' ? item.to : item.sequence) > this.#sequence) {
        this.beyond = true;
        break;
      }
      known = this.#pass(item, known);
    }
    if (known !== null) {
      this.#records -= known.records;
      this.#skipped -= known.skipped;
    }
    return known;
  }

  #pass(item: MessageRecord | GapRecord, known: Known | null): Known | null {
    if (item.kind === 'gap') {
      this.#ordinal += item.count;
      return known;
    }
    this.#records++;
    if (ruleFor(item, this.#rule) === null) this.#skipped++;
    else this.#ordinal++;
    if (item.epoch !== this.#epoch) return known;
    const place = { epoch: item.epoch, sequence: item.sequence, ordinal: this.#ordinal };
    return { place, records: this.#records, skipped: this.#skipped };
  }
}
