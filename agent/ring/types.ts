import type { Duration, Epoch, PublicKey, Sequence } from '#kernel';
import type { DroppedTopic } from './dropped-topics.ts';
import type { RingKeys } from './keys.ts';

/** urgent 0, normal 1, bulk 2: each its own order. */
export type Lane = 0 | 1 | 2;

export type LaneName = 'urgent' | 'normal' | 'bulk';

/** What a lane has its own way; what is missing is as the ring has it. */
export interface LaneOptions {
  /** How long a commit may gather that holds nothing more urgent. */
  readonly commitWindow?: Duration;
  /** How much its records may take that somebody has still to come; null: no more than the whole ring. */
  readonly sizeBytes?: number | null;
  /** What happens to a message that finds no room in that: it is refused, or the lane's oldest are dropped. Missing: as the ring has it. */
  readonly full?: 'drop-oldest' | 'refuse';
}

export interface RingOptions {
  /** Where the ring's files lie; made if missing. One agent per directory: the composition holds the lock. */
  readonly directory: string;
  readonly sizeBytes: number;
  /**
   * What happens to a message that finds no room: it is refused, or the oldest are dropped, of cursors that have nothing urgent to come
   * first. State always finds room (a reserve is kept for it).
   */
  readonly full: 'drop-oldest' | 'refuse';
  /** How long a commit may gather; 0 commits at the end of the tick. */
  readonly commitWindow: Duration;
  readonly lanes?: Readonly<Partial<Record<LaneName, LaneOptions>>>;
  /** Bytes a day of powered time: commits gather longer when more is written. Missing: no limit. */
  readonly writeBytesPerDay?: number | null;
  /** `auto`: batches are compressed where that saves pages. Missing: off. */
  readonly compress?: 'auto' | 'off';
  /** What batches and checkpoints are enciphered with, and older keys to read with. Missing: none. */
  readonly keys?: RingKeys;
}

/** Where a record was born, when not here. Kept through every hop. */
export interface Provenance {
  /** The node in whose ring the record was born. */
  readonly origin: PublicKey;
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  /** The neighbour on the bus that brought it here: nothing goes back there. */
  readonly via: PublicKey;
  /** Hops still allowed; a record with 0 is kept here and goes no further. */
  readonly hopsLeft: number;
}

/** One MQTT message, its meaning known to the broker alone but for what the ring needs to route and to age it. */
export interface NewMessage {
  readonly kind: 'message';
  readonly topic: string;
  readonly lane: Lane;
  /** The publisher's QoS. */
  readonly qos: 0 | 1 | 2;
  /** The publisher's retain flag. */
  readonly retain: boolean;
  /** Whether this message becomes (`set`) or removes (`clear`) the topic's retained message, in the same commit. */
  readonly latest: 'none' | 'set' | 'clear';
  /** Properties and payload as #codec's publication table writes them. */
  readonly body: Uint8Array;
  /** Null: born here. */
  readonly provenance: Provenance | null;
  /** How old it already was on arrival. */
  readonly age: Duration;
}

/** A named value of some room (sessions, packet ids, bus positions …); null deletes it. */
export interface StateChange {
  readonly kind: 'state';
  readonly key: string;
  readonly value: Uint8Array | null;
}

export type Entry = NewMessage | StateChange;

/**
 * What a message record says when read back. `body` is a view of a buffer that is used again: it stays as it is until the
 * cursor's next `read`. Copy what is kept longer.
 */
export interface MessageRecord {
  readonly kind: 'message';
  readonly sequence: Sequence;
  /** The epoch of the boot that appended it to this ring. */
  readonly epoch: Epoch;
  readonly topic: string;
  readonly lane: Lane;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly latest: 'none' | 'set' | 'clear';
  readonly body: Uint8Array;
  readonly provenance: Provenance | null;
  /** Age when it was read, by HOUSE.md's "age without a clock": powered time since it was born. */
  readonly age: Duration;
}

/** Records that a cursor will never see, in their place in the order. */
export interface GapRecord {
  readonly kind: 'gap';
  readonly from: Sequence;
  readonly to: Sequence;
  /** How many of them the cursor's filters matched. */
  readonly count: number;
  readonly reason: DropReason;
  /** The most frequent topics of them, at most 8, as far as they are known: they may add up to less than `count`, never to more. */
  readonly topics: readonly DroppedTopic[];
}

export type { DroppedTopic } from './dropped-topics.ts';

/** `superseded`: a newer value of its topic waited behind it, and the link keeps only the newest (`keep`). */
export type DropReason = 'full' | 'damaged' | 'expired' | 'refused' | 'superseded';

export type Appended =
  /** Entry i has the sequence `first + i`. */
  | { readonly ok: true; readonly first: Sequence; readonly last: Sequence }
  /** `full`: no room (policy refuse). `stalled`: the disk takes nothing now; retried by the ring itself. `too-large`: never fits. */
  | { readonly ok: false; readonly reason: 'full' | 'stalled' | 'too-large' };

export interface CursorOptions {
  /** Unique in the ring and stable: `link/<contact key>/<lane>`, `session/<client id>`. */
  readonly name: string;
  /** MQTT topic filters. */
  readonly filters: readonly string[];
  /** Records that were born at or came by way of this node are not for this cursor (no echo). */
  readonly except: PublicKey | null;
  /** Where a cursor that is new begins; one that exists goes on where it was. */
  readonly from: 'oldest' | 'now';
  /** What becomes of records that wait; missing: they wait as long as there is room. */
  readonly keeping?: CursorKeeping;
}

/** What a cursor's owner says of records that wait. Not kept on disk: whoever opens the cursor says it anew. */
export interface CursorKeeping {
  /** Null: no limit. Asked once for records of the same topic that follow one another. */
  readonly of: (topic: string) => Keeping | null;
  /** How long a message may live by its own properties, in ms; Infinity: for ever. */
  readonly lifeOf: (body: Uint8Array) => number;
}

export interface Keeping {
  /** Records that are older are dropped as `expired`; null: at no age. */
  readonly ttl: Duration | null;
}

/** Exact counts of message records since the cursor was made: matched = settled + dropped (by reason) + pending. */
export interface CursorAccount {
  readonly matched: number;
  readonly settled: number;
  readonly dropped: Readonly<Record<DropReason, number>>;
  readonly pending: number;
}

/**
 * A reader's place in the ring. It has a settled position (everything up to it is done with, kept on disk, holds
 * space) and a read position (RAM only). Only durable records are read.
 */
export interface Cursor {
  readonly name: string;
  /** Everything up to here is settled. */
  readonly position: Sequence;
  readonly account: CursorAccount;
  /**
   * The next matching records and gaps after the read position, in order, at most `maxRecords` and about `maxBytes`.
   * Empty when the durable end is reached. One read at a time; it ends what the bodies of the read before may be used for.
   */
  read(maxRecords: number, maxBytes: number): Promise<readonly (MessageRecord | GapRecord)[]>;
  /**
   * True when matching durable records may lie after the read position; a read that finds none makes it false. After a start it is
   * false until the last batch found is durable again, which `onDurable` tells.
   */
  readonly readable: boolean;
  /** The read position goes back to the settled position (a reconnect). */
  rewind(): void;
  /**
   * Settles everything up to `to`; written with the next commit, or by itself soon after (bounded delay). `refused` says how many of
   * the newly settled ones the other side refused: they count as dropped. `value` replaces the cursor's own small state
   * (`value` below) in the same record.
   */
  settle(to: Sequence, refused?: number, value?: Uint8Array): void;
  /** A small value of the owner's (at most 4 KiB) kept in the cursor's own state record: in-flight packet ids and the like. */
  readonly value: Uint8Array | null;
  /** How many records had matched up to and including the settled position: the next one read has this ordinal + 1. */
  readonly settledOrdinal: number;
  /**
   * New filters, from the next record appended on. Records already in the ring keep matching by the filters that held
   * when they were appended, so ordinals are stable across restarts. Durable with the returned sequence.
   */
  setFilters(filters: readonly string[]): Sequence;
  /** Frees what it held. Durable with the returned sequence. */
  remove(): Sequence;
}

/** What is written to the disk, zeros and checkpoints included, in powered time. */
export interface WritesStatus {
  readonly sinceStart: { readonly bytes: number; readonly spanMs: number };
  /** The last day, or as much of it as was counted. */
  readonly lately: { readonly bytes: number; readonly spanMs: number };
  readonly budgetBytesPerDay: number | null;
  readonly overBudget: boolean;
  /** How long a commit of the normal lane gathers now: more than configured while the budget is exceeded. */
  readonly commitWindowMs: number;
}

export interface LaneStatus {
  readonly lane: LaneName;
  /** How long a commit gathers now that holds nothing more urgent: more than configured while the write budget is exceeded. */
  readonly commitWindowMs: number;
  /** What its records take that somebody has still to come, headers included. */
  readonly usedBytes: number;
  /** Its budget; null: none. */
  readonly sizeBytes: number | null;
  readonly full: 'drop-oldest' | 'refuse';
  /** `full`: it refused something for its budget, and there has been no room since. */
  readonly state: 'ok' | 'full';
  /** Given up for its budget since the start: about what its records took. */
  readonly droppedBytes: number;
}

export interface RingStatus {
  readonly state: 'ok' | 'full' | 'stalled';
  /** Why it is stalled, in one line for people; null when ok. */
  readonly why: string | null;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  readonly oldest: Sequence;
  readonly head: Sequence;
  readonly durable: Sequence;
  readonly epoch: Epoch;
  readonly damagedBatches: number;
  readonly damagedRecords: number;
  /** Where the newest copy of damaged bytes lies; null when none was made since the start. */
  readonly quarantine: string | null;
  readonly commits: number;
  /** Of batches, headers, padding and checkpoints since the start; zeros written ahead, once in the file's life, apart. */
  readonly bytesWritten: number;
  readonly zeroedBytes: number;
  readonly writes: WritesStatus;
  /** Urgent, normal, bulk. */
  readonly lanes: readonly LaneStatus[];
  /** Topics and bodies, keys and values. */
  readonly payloadBytes: number;
  readonly oldestAge: Duration;
  /** Keys and values of all state and retained messages, and how much they may be. */
  readonly stateBytes: number;
  readonly stateLimitBytes: number;
  /** Old segments rewritten into fewer, without what nobody wants any more, since the start: how many of them. */
  readonly compactedSegments: number;
  /** Matching records dropped under cursors by `drop-oldest` since the start. */
  readonly droppedRecords: number;
  /** Records from elsewhere that `hasStored` no longer knows, since the start: a second copy of one would be stored. */
  readonly forgottenOrigins: number;
}

/** The disk ring buffer: appended to by all, read through cursors, freed when every cursor has passed. */
export interface Ring {
  /** What its files are read with. */
  readonly keys: RingKeys;
  /** This ring's own random id (16 bytes, hex), made with it. */
  readonly id: string;
  readonly epoch: Epoch;
  readonly status: RingStatus;

  /**
   * Stages all entries into one commit batch, or none. Synchronous: sequences are given at once; durable when
   * `durable >= last`. The entries' bytes are copied before it returns.
   */
  append(entries: readonly Entry[]): Appended;
  /** Highest sequence that would survive a power cut now. */
  readonly durable: Sequence;
  /** Called once per commit, after the sync, in registration order. Returns a function that removes the listener. */
  onDurable(listener: (durable: Sequence) => void): () => void;
  /** Resolves when `upTo` is durable. For rare callers; the hot path uses `onDurable`. */
  whenDurable(upTo: Sequence): Promise<void>;
  /** Called when room or the disk came back after a refused append. */
  onRoom(listener: () => void): () => void;

  /**
   * True when the record that was born there, in that boot and at that sequence, has been appended here, durable or not. False
   * also for what is forgotten (`forgottenOrigins`), for what was born here, and for records of a damaged batch that recovery met.
   */
  hasStored(origin: PublicKey, epoch: Epoch, born: Sequence): boolean;

  /** True when some cursor wants a message on this topic from there (null: born here). */
  wanted(topic: string, from: PublicKey | null): boolean;
  /** Opens (or makes) the cursor. A second open of a name in use is a bug. */
  cursor(options: CursorOptions): Cursor;
  /** Every cursor known to the ring, opened or not, for accounts and for sweeping those that no longer have an owner. */
  cursors(): readonly {
    readonly name: string;
    readonly open: boolean;
    readonly position: Sequence;
    readonly account: CursorAccount;
  }[];

  /** The current value of a state key. */
  state(key: string): Uint8Array | undefined;
  /** All state under a prefix. */
  states(prefix: string): Iterable<readonly [key: string, value: Uint8Array]>;
  /** The retained message of a topic, and all that match a filter. */
  latest(topic: string): MessageRecord | undefined;
  latestMatching(filter: string): Iterable<MessageRecord>;

  /** Writes a checkpoint that holds all that was appended before; resolves when it is on the disk. `ring/stalled` when the disk refuses. */
  checkpoint(): Promise<void>;

  /** Commits what is staged, writes a checkpoint, closes the file. */
  close(): Promise<void>;
}
