import { payloadOffset, readVarint, scanProperties } from '#codec';
import type { Epoch, PublicKey, Sequence } from '#kernel';
import { isTopicName, milliseconds, sequence } from '#kernel';
import type { DropReason, Lane, NewMessage, Provenance } from '#ring';
import type { Batch } from './frame.ts';
import type { Origin } from './item-reader.ts';
import { ItemReader } from './item-reader.ts';
import type { StreamMemory } from './memory.ts';
import type { Position } from './position.ts';
import type { Delivered, ToldGap } from './types.ts';

export interface ArrivalPort {
  readonly self: PublicKey;
  readonly from: PublicKey;
  readonly lane: Lane;
  readonly accepts: (topic: string) => boolean;
  /** Has the ring here stored the record that was born there, whichever way it came? */
  readonly hasStored: (origin: PublicKey, epoch: Epoch, born: Sequence) => boolean;
}

export interface Loss {
  readonly count: number;
  readonly reason: DropReason;
  readonly told?: ToldGap;
}

/** What one batch comes to: records to store, and what the stream's memory is then. */
export interface Arrival {
  readonly messages: readonly NewMessage[];
  readonly memory: StreamMemory;
  readonly duplicates: number;
  readonly losses: readonly Loss[];
  /** The stream goes on further than this end remembers. */
  readonly wentBack: boolean;
  /** False: nothing in it was news, so nothing has to be written. */
  readonly changed: boolean;
  /** False: stopped at the limit, more is to come. */
  readonly whole: boolean;
}

/**
 * Sorts a batch out: known positions are duplicates, and so is what another path has brought before; a record that was born here, has no hops left or is not accepted
 * is refused and counted; a stream that goes on further than this end remembers has lost records here (an older image
 * of this ring was restored), which is reported and gone on from. Stops after `limit` records to store: what was taken
 * then is known the next time, and with `begun` no duplicate. Null: malformed, nothing has happened.
 */
export function sortOut(
  batch: Batch,
  memory: StreamMemory,
  port: ArrivalPort,
  limit = Number.POSITIVE_INFINITY,
  begun = false,
): Arrival | null {
  const sorter = new Sorter(batch, memory.draft(), port, begun);
  return sorter.run(limit) ? sorter.arrival() : null;
}

class Sorter {
  readonly #reader: ItemReader;
  readonly #epoch: Epoch;
  readonly #memory: StreamMemory;
  readonly #port: ArrivalPort;
  readonly #messages: NewMessage[] = [];
  readonly #losses: Loss[] = [];
  /** What this batch brings of other nodes' records, by their boot. */
  readonly #bornHere = new Map<Origin, Set<Sequence>>();
  #ordinal: number;
  #lastSequence: number;
  #known: number;
  /** Up to here the batch was sorted out before. */
  readonly #counted: number;
  #wentBack = false;
  #duplicates = 0;
  #changed = false;
  #whole = false;
  #topic = '';
  #topicAccepted = false;

  constructor(batch: Batch, memory: StreamMemory, port: ArrivalPort, begun: boolean) {
    this.#reader = new ItemReader(batch.items, batch.count, batch.before);
    this.#epoch = batch.epoch;
    this.#memory = memory;
    this.#port = port;
    this.#ordinal = batch.previousOrdinal;
    this.#lastSequence = 0;
    this.#catchUp({
      epoch: batch.previousEpoch,
      sequence: sequence(batch.previousSequence),
      ordinal: batch.previousOrdinal,
    });
    this.#known = memory.highest(batch.epoch);
    this.#counted = begun ? this.#known : 0;
  }

  run(limit: number): boolean {
    while (!this.#whole && this.#messages.length < limit) {
      const item = this.#reader.next();
      if (item === 'malformed') return false;
      if (item === 'gap') this.#gap();
      else if (item === 'record') this.#record();
      this.#whole = item === 'end';
    }
    if (this.#lastSequence > 0) this.#memory.advance(this.#place());
    return true;
  }

  arrival(): Arrival {
    const memory = this.#memory;
    memory.stored += this.#messages.length;
    memory.duplicates += this.#duplicates;
    return {
      messages: this.#messages,
      memory,
      duplicates: this.#duplicates,
      losses: this.#losses,
      wentBack: this.#wentBack,
      changed: this.#changed,
      whole: this.#whole,
    };
  }

  #place(): Position {
    return { epoch: this.#epoch, sequence: sequence(this.#lastSequence), ordinal: this.#ordinal };
  }

  #catchUp(previous: Position): void {
    if (this.#memory.covers(previous)) return;
    this.#wentBack = true;
    this.#lose(Math.max(0, previous.ordinal - this.#memory.place.ordinal), 'damaged');
    this.#memory.advance(previous);
  }

  #lose(count: number, reason: DropReason, told: ToldGap | null = null): void {
    this.#changed = true;
    this.#memory.lost += count;
    this.#losses.push(told === null ? { count, reason } : { count, reason, told });
  }

  /** A gap that was reported before may come again, longer: the ordinals tell what is new of it. */
  #gap(): void {
    const { sequence: last, gapCount, gapReason } = this.#reader;
    this.#ordinal += gapCount;
    if (last <= this.#known) return;
    const heard = this.#messages.length > 0 ? 0 : this.#ordinal - this.#memory.place.ordinal;
    this.#take(last);
    const count = this.#messages.length > 0 ? gapCount : Math.min(gapCount, Math.max(0, heard));
    this.#lose(count, gapReason, this.#told(last, count));
  }

  /** Topics are told of a whole gap alone: which of them a part of it held is not known. */
  #told(last: number, count: number): ToldGap | null {
    const { gapFirst: first, gapTopics, gapCount } = this.#reader;
    if (first === null) return null;
    return { first, last, topics: count === gapCount ? gapTopics.filter(({ topic }) => isTopicName(topic)) : [] };
  }

  #record(): void {
    const reader = this.#reader;
    this.#ordinal++;
    if (reader.sequence <= this.#known) {
      if (reader.sequence > this.#counted) this.#duplicates++;
      return;
    }
    this.#take(reader.sequence);
    if (!this.#welcome()) {
      this.#memory.refused++;
      return;
    }
    const provenance = this.#provenance();
    if (this.#isStored(provenance)) {
      this.#duplicates++;
      return;
    }
    this.#messages.push({
      kind: 'message',
      topic: reader.topic,
      lane: this.#port.lane,
      qos: reader.qos,
      retain: reader.retain,
      latest: reader.latest,
      body: reader.body,
      provenance,
      age: milliseconds(reader.ageMs),
    });
  }

  #take(last: number): void {
    this.#changed = true;
    this.#known = last;
    this.#lastSequence = last;
  }

  /** Not a loop, not out of hops, a publication, and accepted on that topic. */
  #welcome(): boolean {
    const { origin, hops, topic, body } = this.#reader;
    if (hops === 0 || origin?.key === this.#port.self || !isPublication(body)) return false;
    if (topic !== this.#topic) {
      this.#topic = topic;
      this.#topicAccepted = isTopicName(topic) && this.#port.accepts(topic);
    }
    return this.#topicAccepted;
  }

  /** Stored before, or earlier in this batch. */
  #isStored({ origin, epoch, sequence: born }: Provenance): boolean {
    if (this.#port.hasStored(origin, epoch, born)) return true;
    const relayed = this.#reader.origin;
    if (relayed === null) return false;
    const here = this.#bornHere.get(relayed) ?? new Set<Sequence>();
    if (here.has(born)) return true;
    this.#bornHere.set(relayed, here.add(born));
    return false;
  }

  #provenance(): Provenance {
    const { origin, originSequence, sequence: here, hops } = this.#reader;
    const { from } = this.#port;
    const hopsLeft = hops - 1;
    if (origin === null) return { origin: from, epoch: this.#epoch, sequence: here as Sequence, via: from, hopsLeft };
    return { origin: origin.key, epoch: origin.epoch, sequence: sequence(originSequence), via: from, hopsLeft };
  }
}

/** The records as the links get them, their sequences being those of one append that began at `first`. */
export function deliveredOf(messages: readonly NewMessage[], first: Sequence): Delivered[] {
  return messages.map((message, index) => ({
    sequence: sequence(first + index),
    topic: message.topic,
    qos: message.qos,
    retain: message.retain,
    body: message.body,
    provenance: message.provenance as Provenance,
  }));
}

/** What is stored here is given to local clients: properties that no client may get do not come in. */
function isPublication(body: Uint8Array): boolean {
  if (body[0] === 0) return true;
  const payloadAt = payloadOffset(body);
  if (payloadAt < 0) return false;
  const scan = scanProperties(body, readVarint(body, 0, body.length) & 7, payloadAt);
  return scan !== null && scan.aliasAt < 0;
}
