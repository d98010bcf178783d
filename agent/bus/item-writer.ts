import type { PublicKey } from '#kernel';
import type { DropReason, GapRecord, MessageRecord } from '#ring';
import { batchHeadBytes } from './frame.ts';
import type { OutgoingRule } from './types.ts';
import { maxVarintBytes, writeVarint } from './varint.ts';

/*
 * The items of a batch, hand-written because there is one per reading. v: unsigned LEB128, below 2^53.
 *
 *   record   flags u8 | step v | hops u8 | age v (ms) | topic v [| length v | UTF-8] | origin | length v | body
 *            flags: bits 0-1 QoS, 2 retain, 3-4 latest (none, set, clear), 5 relayed, 6 zero, 7 zero
 *            step: sequence less the item's before (the first: less the batch's `before`)
 *            topic: 0 and the topic itself, or n for the n-th new topic of this batch
 *   origin   nothing unless relayed: source v [| key 32 | epoch 12] | sequence v
 *            source: 0 and the origin itself, or n for the n-th new origin of this batch
 *   gap      0x80 + reason u8 | step v to its last sequence | count v [| span v | topics u8 | (topic, count v) …]
 *            the bracket with bit 6 set, and only to an end whose welcome says that it reads it (`toldFlag`):
 *            span: last sequence less first; at most 8 topics, as the sender calls them; topic as in a record
 *   padding  at most 255 zeros behind the last item
 */
export const relayedBit = 0x20;
export const gapBit = 0x80;
/** In a gap: where it begins and what it held follow. */
export const toldBit = 0x40;
/** In a welcome's flags: gaps may be told whole. An older end does not say so, and gets them as it knows them. */
export const toldFlag = 4;
/** A gap names so many topics at most. */
export const gapTopicsLimit = 8;
export const latestNames = ['none', 'set', 'clear'] as const;
export const gapReasons: readonly DropReason[] = ['full', 'damaged', 'expired', 'refused', 'superseded'];

const smallestBytes = 1024;
const fixedItemBytes = 2 + 6 * maxVarintBytes + 32 + 12;

/** Gathers the items of one batch behind the room for its head. */
export class ItemWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(0);
  #at = batchHeadBytes;
  #last = 0;
  #lastTopic = '';
  #lastPrefix = '';
  #lastTopicNumber = 0;
  readonly #topics = new Map<string, number>();
  readonly #origins = new Map<string, number>();
  count = 0;

  /** Bytes of the frame so far. */
  get sizeBytes(): number {
    return this.#at;
  }

  /** Empties it; steps are counted from `before`. */
  begin(before: number): void {
    this.#bytes = Buffer.allocUnsafeSlow(0);
    this.#at = batchHeadBytes;
    this.#last = before;
    this.#lastTopicNumber = 0;
    this.#topics.clear();
    this.#origins.clear();
    this.count = 0;
  }

  /** `hops`: how many more the record may take, this one included. */
  addRecord(record: MessageRecord, rule: OutgoingRule, hops: number): void {
    this.#reserve(fixedItemBytes + (rule.prefix.length + record.topic.length) * 3 + record.body.length);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = flagsOf(record, rule);
    at = writeVarint(bytes, at, record.sequence - this.#last);
    bytes[at++] = hops;
    at = writeVarint(bytes, at, Math.max(0, Math.floor(record.age)));
    at = this.#writeTopic(at, rule.prefix, record.topic);
    if (record.provenance !== null) at = this.#writeOrigin(at, record.provenance);
    at = writeVarint(bytes, at, record.body.length);
    bytes.set(record.body, at);
    this.#at = at + record.body.length;
    this.#last = record.sequence;
    this.count++;
  }

  /** `whole`: with its stretch and its topics. */
  addGap(gap: GapRecord, whole = false): void {
    this.#reserve(fixedItemBytes);
    this.#bytes[this.#at] = gapBit | (whole ? toldBit : 0) | gapReasons.indexOf(gap.reason);
    this.#at = writeVarint(this.#bytes, this.#at + 1, gap.to - this.#last);
    this.#at = writeVarint(this.#bytes, this.#at, gap.count);
    if (whole) this.#tell(gap);
    this.#last = gap.to;
    this.count++;
  }

  #tell(gap: GapRecord): void {
    const topics = gap.topics.slice(0, gapTopicsLimit);
    this.#at = writeVarint(this.#bytes, this.#at, gap.to - gap.from);
    this.#bytes[this.#at++] = topics.length;
    for (const { topic, count } of topics) {
      this.#reserve(fixedItemBytes + topic.length * 3);
      this.#at = writeVarint(this.#bytes, this.#writeTopic(this.#at, '', topic), count);
    }
  }

  /** The frame, its head still to be written. */
  take(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  #writeTopic(start: number, prefix: string, topic: string): number {
    if (this.#lastTopicNumber > 0 && topic === this.#lastTopic && prefix === this.#lastPrefix) {
      return writeVarint(this.#bytes, start, this.#lastTopicNumber);
    }
    const whole = prefix.length === 0 ? topic : prefix + topic;
    const known = this.#topics.get(whole);
    this.#lastTopic = topic;
    this.#lastPrefix = prefix;
    this.#lastTopicNumber = known ?? this.#topics.size + 1;
    if (known !== undefined) return writeVarint(this.#bytes, start, known);
    this.#topics.set(whole, this.#lastTopicNumber);
    const at = writeVarint(this.#bytes, writeVarint(this.#bytes, start, 0), Buffer.byteLength(whole));
    return at + this.#bytes.write(whole, at);
  }

  #writeOrigin(start: number, born: { origin: PublicKey; epoch: string; sequence: number }): number {
    const source = born.origin + born.epoch;
    const known = this.#origins.get(source);
    let at = writeVarint(this.#bytes, start, known ?? 0);
    if (known === undefined) {
      this.#origins.set(source, this.#origins.size + 1);
      at += this.#bytes.write(source, at, 'hex');
    }
    return writeVarint(this.#bytes, at, born.sequence);
  }

  #reserve(more: number): void {
    const needed = this.#at + more;
    if (needed <= this.#bytes.length) return;
    const wider = Buffer.allocUnsafeSlow(Math.max(smallestBytes, needed, this.#bytes.length * 2));
    this.#bytes.copy(wider, 0, 0, this.#at);
    this.#bytes = wider;
  }
}

function flagsOf(record: MessageRecord, rule: OutgoingRule): number {
  const qos = Math.min(record.qos, rule.maxQos);
  if (!rule.retain) return qos | relayed(record);
  return qos | (record.retain ? 4 : 0) | (latestNames.indexOf(record.latest) << 3) | relayed(record);
}

const relayed = (record: MessageRecord): number => (record.provenance === null ? 0 : relayedBit);
