import type { Address, Endpoint, NetworkKey, PeerEndpoint, ProxyServer, PublicKey, Subnet } from '#kernel';
import type { Sight } from './seeing/types.ts';
import type { TransitLimit } from './transit.ts';

/** 8 random bytes as 16 lower-case hex digits. */
export type MessageId = string & { readonly __messageId: true };

export interface OverlayOptions {
  /** Where others may connect; may be empty. */
  readonly listen: readonly PeerEndpoint[];
  /** Static peers, redialled for ever with back-off and jitter. */
  readonly peers: readonly PeerEndpoint[];
  /** A private network: every link, also one written `tcp://`, is TLS with this key. Default: none. */
  readonly network?: NetworkKey | null;
  /** Carries the links to static peers that do not name one of their own. Default: none. */
  readonly proxy?: ProxyServer | null;
  /** Look for neighbours by link-local multicast: on every interface, or on those named. Default: false. */
  readonly discovery?: boolean | readonly string[];
  /** False: everything goes in messages as stock knows them, also to nodes of ours. Default: true. */
  readonly betterPath?: boolean;
  /** Carry packets between others. */
  readonly transit: boolean;
  /** How much of that; left out: without a bound. */
  readonly transitLimit?: TransitLimit | undefined;
  /** Keeps what has been carried over restarts; left out: each run begins a new day. */
  readonly transitMemory?: TransitMemory | undefined;
  /** Asked at INIT, before a byte is reserved. False: dropped without a word (as stock does), counted. */
  readonly admit: (announced: AnnouncedMessage) => boolean;
  /**
   * Asked when a message is complete and its hash right, before its sender is told. A promise holds DONE+ACK back: true
   * (it is durable) tells the sender and then calls `received`; false or a rejection leaves the sender unanswered, and
   * this is asked again when the sender asks again. Null, or no such function: nothing to wait for.
   */
  readonly store?: (message: ReceivedMessage) => Promise<boolean> | null;
  /** A message that is complete and whose hash is right; called at most once an id. */
  readonly received: (message: ReceivedMessage) => void;
}

/** A place for one small value. */
export interface TransitMemory {
  /** What was written last. */
  read(): Uint8Array | undefined;
  /** At most once a minute, and at the stop. */
  write(value: Uint8Array): void;
}

export interface AnnouncedMessage {
  readonly from: PublicKey;
  readonly topic: Uint8Array;
  readonly lengthBytes: number;
  readonly isReply: boolean;
}

export interface ReceivedMessage {
  readonly id: MessageId;
  readonly from: PublicKey;
  readonly fromAddress: Address;
  readonly toAddress: Address;
  /** Empty: none. */
  readonly topic: Uint8Array;
  readonly payload: Uint8Array;
  /** It answers the message of ours with the same id. */
  readonly isReply: boolean;
}

export interface OutgoingMessage {
  /** An address alone is enough once a route has revealed its key. */
  readonly to: PublicKey | Address;
  /** At most 255 bytes; empty: none. */
  readonly topic: Uint8Array;
  /** Not copied: do not change it until the message is finished. */
  readonly payload: Uint8Array;
  /** The id of the message that this one answers. */
  readonly replyTo: MessageId | null;
  /** Given up after this long; null: 5 minutes as stock. */
  readonly deadlineMs: number | null;
  /**
   * Nobody waits for `received`: its acknowledgement may wait for company, so that a conversation costs fewer packets.
   * Default: false.
   */
  readonly isPatient?: boolean;
  /** What waits here goes in this order; to one node, and never so that a lower one starves. Default: 1. */
  readonly priority?: MessagePriority;
  /** Called on every change of state; `received` (DONE+ACK), `read`, `aborted` are final or nearly so. */
  readonly changed?: (state: MessageState) => void;
}

/** Urgent, normal, bulk. */
export type MessagePriority = 0 | 1 | 2;

/** As stock's API names them. `received`: the far node has the whole message in memory (not: durable). */
export type MessageState = 'pending' | 'sending' | 'received' | 'read' | 'aborted';

export interface MessageStatus {
  readonly to: Address;
  readonly state: MessageState;
  readonly lengthBytes: number;
  readonly chunks: { readonly pending: number; readonly sent: number; readonly acked: number };
  readonly createdAgoMs: number;
  readonly deadlineInMs: number;
}

export interface PeerStatus {
  /** `tcp://host:port`, `tls://[host]:port` */
  readonly endpoint: string;
  readonly kind: 'static' | 'inbound' | 'link-local';
  readonly state: 'alive' | 'connecting' | 'dead';
  readonly linkCost: number;
  readonly roundTripMs: number | null;
  readonly rxBytes: number;
  readonly txBytes: number;
  readonly connectedForMs: number | null;
  /** The proxy on the way there, without credentials; null: none. */
  readonly via: string | null;
  /** Attempts that have failed since it last stood. */
  readonly failures: number;
  /** Why it does not stand; null while it does, or when nothing has been tried. */
  readonly why: string | null;
  /** Over about the last ten seconds. */
  readonly rxBytesPerSecond?: number;
  readonly txBytesPerSecond?: number;
}

export interface RouteStatus {
  readonly subnet: Subnet;
  readonly publicKey: PublicKey;
  readonly nextHop: string;
  readonly metric: number | 'infinite';
  readonly seqno: number;
  readonly selected: boolean;
  /** The metric and the cost of the link to the next hop; null: infinite. */
  readonly cost?: number | null;
  /** When it ends unless it is announced again. */
  readonly expiresInMs?: number;
  /** Since the next hop has first announced it. */
  readonly ageMs?: number;
  /** `suspect`: what went this way came to nothing; `held`: it may not be used before a newer sequence number comes. */
  readonly standing?: 'trusted' | 'suspect' | 'held';
  /** How long it stays suspect; null: it is not. */
  readonly suspectForMs?: number | null;
}

/** How the agent stands with a stock daemon that is its node. */
export interface DaemonStatus {
  /** `http://127.0.0.1:8989` */
  readonly url: string;
  /** `other-key`: it is not the node that this agent is. */
  readonly state: 'starting' | 'ready' | 'unreachable' | 'other-key';
  readonly forMs: number;
  /** Null while it is ready. */
  readonly why: string | null;
  /** Times that it was found started anew. */
  readonly restarts: number;
}

/** Monotonic counters and gauges, named as in /metrics without the `hypha_overlay_` prefix. */
export type OverlayCounters = Readonly<Record<string, number>>;

/** A Mycelium node (WIRE.md). */
export interface Overlay {
  readonly publicKey: PublicKey;
  readonly address: Address;
  /** Rejects with `net/in-use` when a listen address is taken. Resolves when listening; peers connect in their own time. */
  start(): Promise<void>;
  /** Closes links and listeners; messages under way end as `aborted`. */
  stop(): Promise<void>;
  /** Where it listens, with real port numbers. */
  readonly listening: readonly Endpoint[];

  /** Null when the outbox is full (bounded in messages and bytes) or `to` is no node: the caller keeps its data. */
  send(message: OutgoingMessage): MessageId | null;
  /** Gives up; tells the far side. */
  abort(id: MessageId): void;
  /** An application took this received message: sends READ. `from`: where it came from, for one of before a restart. */
  markRead(id: MessageId, from?: Address): void;
  messageStatus(id: MessageId): MessageStatus | undefined;

  peers(): readonly PeerStatus[];
  /** For this run, not for the next. `no-network`: `tls://` without a private network. */
  addPeer(endpoint: PeerEndpoint): 'added' | 'known' | 'full' | 'no-network';
  /** Forgets a static peer or a found neighbour (which may be found again). False: there is none. */
  removePeer(endpoint: PeerEndpoint): boolean;
  routes(): readonly RouteStatus[];
  queriedSubnets(): readonly { readonly subnet: Subnet; readonly expiresInMs: number }[];
  /** The key that a route update has shown for this address, if any. */
  keyOf(address: Address): PublicKey | undefined;
  /** True while there is a selected route to the key's subnet. Looking asks for one. */
  reachable(to: PublicKey): boolean;
  /** Called when a route to some node comes, goes or changes. Returns a function that removes the listener. */
  onRoute(listener: (to: PublicKey, reachable: boolean) => void): () => void;
  readonly counters: OverlayCounters;
  /** The least length, no shorter, of a payload that is sure to arrive. Left out: every length. */
  payloadLength?(bytes: number): number;
  /** Left out: the node is embedded. */
  daemon?(): DaemonStatus;
  /** What can be seen of packets, paths and links; undefined for a node that is not our own. */
  readonly sight?: Sight;
}
