import { Readable } from 'node:stream';
import type { AedesClient, AedesSubscription, RingPersistence } from './persistence.ts';
import type { WillPacket } from './will-table.ts';

/** Makes aedes say "session present" for a session without subscriptions. A filter that no publish can match. */
const placeholder: AedesSubscription = { topic: '$hypha/session', qos: 0, nl: false, rap: false, rh: 2 };

const nothing = (): Readable => Readable.from([]);

/**
 * What aedes gets in service: it asks for what it needs at CONNECT, SUBSCRIBE and UNSUBSCRIBE; everything that would
 * make it send a PUBLISH itself is empty, because sessions, live subscribers and the intake send those.
 */
export class ServicePersistence {
  readonly #inner: RingPersistence;

  constructor(inner: RingPersistence) {
    this.#inner = inner;
  }

  async setup(broker: { readonly id: string }): Promise<void> {
    await this.#inner.setup(broker);
  }

  async subscriptionsByClient(client: AedesClient): Promise<AedesSubscription[]> {
    const known = await this.#inner.subscriptionsByClient(client);
    return known.length === 0 && this.#inner.hadSession(client.id) ? [placeholder] : known;
  }

  /** At CONNECT the session has been begun by then; what is left is the end of one, unless its client is back. */
  async cleanSubscriptions(client: AedesClient): Promise<void> {
    if (client.connecting === true) return;
    await this.#inner.endSession(client);
  }

  /** Written down before SUBACK by the hook that admits each filter. */
  async addSubscriptions(): Promise<void> {}

  async removeSubscriptions(client: AedesClient, filters: readonly string[]): Promise<void> {
    await this.#inner.removeSubscriptions(client, filters);
  }

  async subscriptionsByTopic(): Promise<never[]> {
    return [];
  }

  async putWill(client: AedesClient, packet: WillPacket): Promise<void> {
    await this.#inner.putWill(client, packet);
  }

  async delWill(client: AedesClient): Promise<WillPacket | undefined> {
    return this.#inner.delWill(client);
  }

  async storeRetained(): Promise<void> {}
  async outgoingEnqueue(): Promise<void> {}
  async outgoingEnqueueCombi(): Promise<void> {}
  async outgoingUpdate(): Promise<void> {}
  async outgoingClearMessageId(): Promise<void> {}
  outgoingStream = nothing;
  createRetainedStream = nothing;
  createRetainedStreamCombi = nothing;
  streamWill = nothing;
}
