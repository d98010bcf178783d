import { type Identity, identityOf } from '#crypto';
import type { Endpoint, Log, PublicKey } from '#kernel';
import {
  createOverlay,
  type MessageId,
  type MessageState,
  type OutgoingMessage,
  type Overlay,
  type OverlayOptions,
  type ReceivedMessage,
} from '#overlay';
import { realEnv } from '#platform';

const quiet: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, with: () => quiet };

export interface Sending {
  readonly id: MessageId;
  readonly states: readonly MessageState[];
  /** The state in which it was finished: `received` or `aborted`. */
  readonly ended: Promise<MessageState>;
  readonly read: Promise<void>;
}

/** A node of ours on loopback, with real sockets and time. */
export class Ours {
  readonly overlay: Overlay;
  readonly received: ReceivedMessage[] = [];
  /** False: received messages are dropped. */
  keeps = true;
  #takers: (() => void)[] = [];

  constructor(secretKey: Uint8Array, peers: readonly Endpoint[], more: Partial<OverlayOptions> = {}) {
    const identity: Identity = identityOf(secretKey);
    this.overlay = createOverlay(realEnv(quiet), identity, {
      listen: [{ host: '127.0.0.1', port: 0 }],
      peers,
      transit: true,
      admit: () => true,
      received: (message) => {
        if (!this.keeps) return;
        this.received.push(message);
        for (const taker of this.#takers.splice(0)) taker();
      },
      ...more,
    });
  }

  static async start(
    secretKey: Uint8Array,
    peers: readonly Endpoint[],
    more: Partial<OverlayOptions> = {},
  ): Promise<Ours> {
    const ours = new Ours(secretKey, peers, more);
    await ours.overlay.start();
    return ours;
  }

  get publicKey(): PublicKey {
    return this.overlay.publicKey;
  }

  /** `tcp://127.0.0.1:port` for a stock daemon's `--peers`. */
  get endpoint(): string {
    const [at] = this.overlay.listening;
    return `tcp://127.0.0.1:${at?.port}`;
  }

  send(to: PublicKey, payload: Uint8Array, more: Partial<OutgoingMessage> = {}): Sending {
    const states: MessageState[] = [];
    const { promise: ended, resolve: end } = Promise.withResolvers<MessageState>();
    const { promise: read, resolve: wasRead } = Promise.withResolvers<void>();
    const changed = (state: MessageState): void => {
      states.push(state);
      if (state === 'received' || state === 'aborted') end(state);
      if (state === 'read') wasRead();
    };
    const message = { to, topic: new Uint8Array(0), payload, replyTo: null, deadlineMs: null, ...more, changed };
    const id = this.overlay.send(message);
    if (id === null) throw new Error('the outbox is full');
    return { id, states, ended, read };
  }

  /** The message of that id, now or when it comes. */
  gets(id: string): Promise<ReceivedMessage> {
    return this.#find((message) => message.id === id);
  }

  /** The first message of all, now or when it comes. */
  next(): Promise<ReceivedMessage> {
    return this.#find(() => true);
  }

  async #find(isWanted: (message: ReceivedMessage) => boolean): Promise<ReceivedMessage> {
    for (;;) {
      const found = this.received.find(isWanted);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#takers.push(resolve));
    }
  }

  stop(): Promise<void> {
    return this.overlay.stop();
  }
}
