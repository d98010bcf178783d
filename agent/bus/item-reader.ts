import type { Epoch, PublicKey } from '#kernel';
import type { DroppedTopic, DropReason } from '#ring';
import { gapBit, gapReasons, gapTopicsLimit, latestNames, relayedBit, toldBit } from './item-writer.ts';
import { VarintReader } from './varint.ts';

/** The most zeros that may stand behind the items of a batch. */
export const paddingLimitBytes = 255;

/** Where a relayed record was born. */
export interface Origin {
  readonly key: PublicKey;
  readonly epoch: Epoch;
}

/**
 * Reads the items of a batch one by one into its own fields. Input from outside: whatever is wrong ends it with
 * `malformed`, and nothing is allocated by a length that the bytes do not cover.
 */
export class ItemReader {
  readonly #from: VarintReader;
  readonly #topics: string[] = [];
  readonly #origins: Origin[] = [];
  #left: number;

  /** The item's sequence in the sender's ring; of a gap: its last. */
  sequence: number;
  qos: 0 | 1 | 2 = 0;
  retain = false;
  latest: 'none' | 'set' | 'clear' = 'none';
  hops = 0;
  ageMs = 0;
  topic = '';
  /** Null: born at the sender, at `sequence`. */
  origin: Origin | null = null;
  originSequence = 0;
  body: Uint8Array = new Uint8Array(0);
  gapCount = 0;
  gapReason: DropReason = 'full';
  /** Its first sequence; null: not told. */
  gapFirst: number | null = null;
  gapTopics: readonly DroppedTopic[] = [];

  constructor(items: Uint8Array, count: number, before: number) {
    this.#from = new VarintReader(items, 0);
    this.#left = count;
    this.sequence = before;
  }

  next(): 'record' | 'gap' | 'end' | 'malformed' {
    if (this.#left === 0) return this.#isOver ? 'end' : 'malformed';
    this.#left--;
    const flags = this.#from.byte();
    const step = this.#from.varint();
    this.sequence += step;
    if (this.#from.bad || step === 0 || this.sequence > Number.MAX_SAFE_INTEGER) return 'malformed';
    const kind = flags >= gapBit ? this.#readGap(flags) : this.#readRecord(flags);
    return this.#from.bad ? 'malformed' : kind;
  }

  /** Behind the items there is nothing, or a little padding: see `padded` in sending.ts. */
  get #isOver(): boolean {
    const { at, bytes } = this.#from;
    if (bytes.length - at > paddingLimitBytes) return false;
    for (let index = at; index < bytes.length; index++) if (bytes[index] !== 0) return false;
    return true;
  }

  #readGap(flags: number): 'gap' | 'malformed' {
    const reason = gapReasons[flags & ~(gapBit | toldBit)];
    this.gapCount = this.#from.varint();
    this.gapFirst = null;
    this.gapTopics = [];
    if (reason === undefined) return 'malformed';
    this.gapReason = reason;
    return (flags & toldBit) === 0 || this.#readTold() ? 'gap' : 'malformed';
  }

  /** Topics that would hold more than the gap does are a lie. */
  #readTold(): boolean {
    const first = this.sequence - this.#from.varint();
    const topics: DroppedTopic[] = [];
    let left = this.gapCount;
    for (let more = this.#from.byte(); more > 0; more--) {
      if (topics.length === gapTopicsLimit || !this.#readTopic()) return false;
      const count = this.#from.varint();
      left -= count;
      topics.push({ topic: this.topic, count });
    }
    this.gapFirst = first;
    this.gapTopics = topics;
    return first >= 1 && left >= 0;
  }

  #readRecord(flags: number): 'record' | 'malformed' {
    const qos = flags & 3;
    const latest = latestNames[(flags >> 3) & 3];
    if (qos === 3 || latest === undefined || flags >= 0x40) return 'malformed';
    this.qos = qos as 0 | 1 | 2;
    this.retain = (flags & 4) !== 0;
    this.latest = latest;
    this.hops = this.#from.byte();
    this.ageMs = this.#from.varint();
    if (!this.#readTopic() || !this.#readOrigin((flags & relayedBit) !== 0)) return 'malformed';
    this.body = this.#from.take(this.#from.varint());
    return 'record';
  }

  #readTopic(): boolean {
    const number = this.#from.varint();
    if (number > 0) {
      const known = this.#topics[number - 1];
      if (known !== undefined) this.topic = known;
      return known !== undefined;
    }
    const bytes = this.#from.take(this.#from.varint());
    this.topic = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
    this.#topics.push(this.topic);
    return true;
  }

  #readOrigin(relayed: boolean): boolean {
    this.origin = null;
    if (!relayed) return true;
    const number = this.#from.varint();
    const origin = number > 0 ? this.#origins[number - 1] : this.#readNewOrigin();
    this.originSequence = this.#from.varint();
    if (origin === undefined) return false;
    this.origin = origin;
    return true;
  }

  #readNewOrigin(): Origin {
    const bytes = this.#from.take(44);
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
    const origin = { key: text.slice(0, 64) as PublicKey, epoch: text.slice(64) as Epoch };
    this.#origins.push(origin);
    return origin;
  }
}
