import type { Bus, BusOptions } from '#bus';
import type { Publication } from '#codec';
import type { Duration, PublicKey, Sequence } from '#kernel';
import type { CursorAccount, Lane } from '#ring';

/** A `[[link]]`: which topics go to which contact. */
export interface LinkRule {
  /** In `hypha/links/NAME` and in figures. */
  readonly name: string;
  /** The contact's name. */
  readonly to: string;
  readonly topics: readonly string[];
  /** Put in front of the topic at the far end. */
  readonly prefix: string;
  readonly lane: Lane;
  /** QoS across the link is the lower of this and the publisher's. */
  readonly qos: 0 | 1 | 2;
  /** "pass": QoS 0 publishes that no other link stores need not be stored. */
  readonly qos0: 'store' | 'pass';
  /** False strips the retain flag. */
  readonly retain: boolean;
  /** What has waited longer is not sent any more, but reported as expired; null: it waits as long as there is room. */
  readonly ttl: Duration | null;
}

/** An `[[accept]]`: what may come in from a contact (`*`: any contact). `{contact}` stands for the sender's name. */
export interface AcceptRule {
  readonly from: string;
  readonly topics: readonly string[];
  /** The largest file that may come on these topics; left out: none. */
  readonly maxFileBytes?: number;
}

/** One configured link, as shown and counted. Links to one contact on one lane share a cursor and its figures. */
export interface LinkView {
  readonly name: string;
  readonly to: string;
  readonly publicKey: PublicKey;
  readonly lane: Lane;
  readonly topics: readonly string[];
  readonly cursor: string;
}

/** What `hypha/links/NAME` says, as JSON. */
export interface LinkState {
  readonly to: string;
  readonly lane: 'urgent' | 'normal' | 'bulk';
  readonly state: 'idle' | 'sending' | 'waiting';
  readonly pending: number;
  readonly delivered: number;
  readonly dropped: number;
}

export interface LinkCounters {
  /** Records that came in with a body that is no publication; stored, but handed to nobody. */
  readonly unreadable: number;
  /** Records lost on the way to here, as the far ends say. */
  readonly lost: number;
  /** Records that were still owed to links that are no longer configured, over all lives of this ring. */
  readonly abandoned: number;
}

export interface ArrivedMessage {
  readonly sequence: Sequence;
  readonly publication: Publication;
}

export interface LinksOptions {
  readonly links: readonly LinkRule[];
  readonly accepts: readonly AcceptRule[];
  readonly contacts: ReadonlyMap<string, PublicKey>;
  /** Messages that have come in and are durable here: for the broker's live subscribers. */
  readonly deliver: (messages: readonly ArrivedMessage[]) => void;
  /** Publishes what `hypha/links/NAME` says, retained: when a link begins or ceases to flow, at most once a second. */
  readonly publish?: (topic: string, state: LinkState) => void;
}

export interface Links {
  /** What the bus asks and tells. */
  readonly port: BusOptions;
  /** The largest file that this contact may send here on that topic; 0: none. */
  fileLimit(from: PublicKey, topic: string): number;
  /** Opens the cursors and streams on the bus, sweeps cursors of links that are gone. Before the bus starts. */
  start(bus: Bus): void;
  stop(): void;
  views(): readonly LinkView[];
  state(view: LinkView): LinkState;
  /** True when every link that takes this topic lets QoS 0 pass unstored. */
  passesQos0(topic: string): boolean;
  /** The closing accounts of links that are no longer configured. */
  removed(): readonly RemovedLink[];
  readonly counters: LinkCounters;
}

/** The closing account of a cursor whose links are no longer configured; `abandoned` was pending, and nobody will send it. */
export interface RemovedLink {
  /** The cursor's name, or `link/others`. */
  readonly cursor: string;
  readonly account: CursorAccount;
  readonly abandoned: number;
}
