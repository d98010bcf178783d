import type { RawReplyDefaultExpression, RawRequestDefaultExpression } from 'fastify';
import type { Broker } from '#broker';
import type { Bus, Files } from '#bus';
import type { Address, Clock, Endpoint, Instant, Listener, Log, PublicKey, Secret, Subnet } from '#kernel';
import type { LinkView } from '#links';
import type { Overlay } from '#overlay';
import type { Ring } from '#ring';
import type { Consumers } from './consumers/consumers.ts';
import type { Contacts } from './contacts.ts';
import type { MessageDesk } from './desk.ts';
import type { EventHub } from './events.ts';
import type { HookView } from './hooks/types.ts';
import type { Strangers } from './strangers.ts';

/** What the API shows and commands. */
export interface ApiOptions {
  readonly listen: readonly Endpoint[];
  /** Doors for JSON-RPC alone. */
  readonly rpc: readonly Endpoint[];
  /** Opens an HTTP door (#platform). Rejects with `net/in-use` and its like. */
  readonly listenHttp: (
    at: Endpoint,
    limits: { readonly connections: number; readonly requestMs: number },
    answer: (request: RawRequestDefaultExpression, response: RawReplyDefaultExpression) => void,
  ) => Promise<Listener>;
  /** `on`: the stock-compatible API sends and reads; `full`: it may change peers and sockets too; `off`: it is not there. */
  readonly stock: 'on' | 'full' | 'off';
  /** The text of api.token: wanted for whatever changes or sends something under /hypha/v1. */
  readonly token: Secret;
  readonly node: NodeCard;
  readonly startedAt: Instant;
  readonly clock: Clock;
  readonly log: Log;
  readonly overlay: Overlay;
  readonly ring: Ring;
  readonly bus: Bus;
  readonly files: Files;
  readonly broker: Broker;
  readonly contacts: Contacts;
  readonly desk: MessageDesk;
  readonly events: EventHub;
  /** The state of this node as an archive, as it is when the first piece is asked for. */
  readonly backup: () => AsyncIterable<Uint8Array>;
  readonly strangers: Strangers;
  readonly consumers: Consumers;
  readonly hooks: () => readonly HookView[];
  readonly links: () => readonly LinkView[];
  /** Where the other parts listen, with real ports. */
  readonly listening: () => Listening;
}

export interface NodeCard {
  readonly name: string;
  readonly publicKey: PublicKey;
  readonly address: Address;
  readonly subnet: Subnet;
  readonly version: string;
}

export interface Listening {
  readonly mqtt: readonly Endpoint[];
  readonly overlay: readonly Endpoint[];
}

export interface Api {
  /** Rejects with `net/in-use` and its like. */
  start(): Promise<void>;
  /** Ends every wait and stream, then closes. */
  stop(): Promise<void>;
  readonly listening: readonly Endpoint[];
  readonly rpcListening: readonly Endpoint[];
}
