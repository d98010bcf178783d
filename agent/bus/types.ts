import type { Duration, PublicKey, Sequence } from '#kernel';
import type { AnnouncedMessage, ReceivedMessage } from '#overlay';
import type { Cursor, DroppedTopic, DropReason, Lane, MessageRecord, Provenance } from '#ring';

/** What the bus tells the links of each record on its way out. */
export interface OutgoingRule {
  /** Put in front of the topic at the far end. */
  readonly prefix: string;
  /** QoS across a link is the lower of this and the publisher's. */
  readonly maxQos: 0 | 1 | 2;
  /** False strips the retain flag. */
  readonly retain: boolean;
}

/** One ordered flow to one contact: a cursor over the near ring, moved only by the far ring's ack. */
export interface StreamOptions {
  readonly to: PublicKey;
  readonly lane: Lane;
  readonly cursor: Cursor;
  /** The rule for a record, or null when no configured link takes it any more (it is settled as refused). */
  readonly rule: (record: MessageRecord) => OutgoingRule | null;
}

/** A record that has come in and is durable here. */
export interface Delivered {
  readonly sequence: Sequence;
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly body: Uint8Array;
  readonly provenance: Provenance;
}

/** Where a gap lies in the sender's ring, and its most frequent topics (at most 8), as they are called there. */
export interface ToldGap {
  readonly first: number;
  readonly last: number;
  readonly topics: readonly DroppedTopic[];
}

export interface BusOptions {
  /** This boot begins with a ring from a backup: that it knows less than it has said is no surprise. */
  readonly restored?: boolean;
  /** May this contact publish that topic here? Asked per record; false is counted, told to the sender, and not stored. */
  readonly accepts: (from: PublicKey, topic: string) => boolean;
  /** May this node talk on the bus at all? Asked before a byte of a frame is kept. */
  readonly knows: (from: PublicKey) => boolean;
  /** Records that have just become durable here, in ring order. */
  readonly delivered: (records: readonly Delivered[]) => void;
  /** The far end says that records it should have had were dropped on the way. */
  readonly gap: (from: PublicKey, lane: Lane, count: number, reason: DropReason, told?: ToldGap) => void;
  /** Life of the streams, for events, metrics and tests. */
  readonly event?: (event: BusEvent) => void;
}

/**
 * `ours`, `theirs`: that ring knows less than it has said; an older image of it was restored (`expected`: from a backup,
 * as it knows itself), or it is new. `cloned`: two nodes with the contact's key are alive.
 */
export interface Alarm {
  readonly what: 'ours' | 'theirs' | 'cloned';
  readonly expected: boolean;
}

export interface RaisedAlarm extends Alarm {
  readonly contact: PublicKey;
  readonly lane: Lane;
  /** What this node is in that stream. */
  readonly role: 'sending' | 'receiving';
}

export type BusEvent =
  | {
      readonly kind: 'sent';
      readonly to: PublicKey;
      readonly lane: Lane;
      readonly first: Sequence;
      readonly last: Sequence;
      readonly resend: boolean;
    }
  | { readonly kind: 'acked'; readonly to: PublicKey; readonly lane: Lane; readonly upTo: Sequence }
  /** A relay has it durable, for the contact that could not be reached. Not delivered. */
  | {
      readonly kind: 'left';
      readonly to: PublicKey;
      readonly lane: Lane;
      readonly upTo: Sequence;
      readonly relay: PublicKey;
    }
  | {
      readonly kind: 'stored';
      readonly from: PublicKey;
      readonly lane: Lane;
      readonly count: number;
      readonly duplicates: number;
    }
  | { readonly kind: 'drained'; readonly to: PublicKey; readonly lane: Lane }
  /** One of the two rings knows less than it has said. `expected`: it says itself that a backup was restored. */
  | {
      readonly kind: 'went-back';
      readonly contact: PublicKey;
      readonly lane: Lane;
      readonly role: 'sending' | 'receiving';
      readonly whose: 'ours' | 'theirs';
      readonly expected: boolean;
    }
  /** Two nodes with this contact's key are alive. */
  | {
      readonly kind: 'cloned';
      readonly contact: PublicKey;
      readonly lane: Lane;
      readonly role: 'sending' | 'receiving';
    };

export interface StreamStatus {
  readonly to: PublicKey;
  readonly lane: Lane;
  readonly state: 'idle' | 'sending' | 'waiting';
  readonly pending: number;
  readonly inFlight: number;
  readonly delivered: number;
  readonly resent: number;
  readonly roundTripMs: number | null;
  readonly lastAckAgoMs: number | null;
  /** What lies at a relay (null: known from before this start) and is not delivered yet, as far as known. */
  readonly left: { readonly relay: PublicKey | null; readonly upTo: Sequence } | null;
}

/** Monotonic counts, named as in /metrics without the `hypha_bus_` prefix. */
export interface BusCounters {
  /** Frames of senders that `knows` does not know. */
  unknownSender: number;
  /** Frames that name another sender, recipient or direction than the overlay has proven. */
  misdirected: number;
  /** Frames that do not decode: garbage, or of a version that this one does not read. */
  malformed: number;
  /** Answers to streams that are not open here. */
  unwanted: number;
  /** Batches dropped for want of memory or far beyond the window; they are asked for again. */
  shed: number;
  /** Batches of a session that is not, or no longer, known here. */
  strayed: number;
  /** Streams by which this ring was found to know less than it has said: an older image of it was restored. */
  wentBack: number;
  /** The same of the far end's ring. */
  farEndWentBack: number;
  /** Either, and its node says that a backup was restored there. */
  wentBackExpected: number;
  /** Two nodes with one contact's key were found alive. */
  cloned: number;
  /** Sessions that the far end did not know any more. */
  farEndRestarted: number;
}

export interface Bus {
  /** A second stream to the same contact and lane is a bug. */
  open(options: StreamOptions): void;
  /** Ends the stream: its cursor is no longer used. */
  close(to: PublicKey, lane: Lane): void;
  /** The bus's own overlay topic. */
  readonly topic: Uint8Array;
  /** For the overlay's `admit`: a frame of somebody known, of a bearable size. False for other topics too. */
  admits(announced: AnnouncedMessage): boolean;
  /** For the overlay's `received`. False: not on the bus's topic, somebody else's message. */
  receive(message: ReceivedMessage): boolean;
  readonly counters: Readonly<BusCounters>;
  /** What was found wrong with the histories of contacts or of this node, since the start, the last of each kind. */
  alarms(): readonly (RaisedAlarm & { readonly ago: Duration })[];
  /** Frames of all inbound streams in memory, not yet durable here. Bounded. */
  readonly heldBytes: number;
  streams(): readonly StreamStatus[];
  /** Per sender: last position known and counts, for the account. */
  inbound(): readonly {
    readonly from: PublicKey;
    readonly lane: Lane;
    readonly stored: number;
    readonly duplicates: number;
    readonly refused: number;
    readonly lost: number;
  }[];
  start(): void;
  stop(): void;
}
