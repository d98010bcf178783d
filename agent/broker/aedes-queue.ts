/** An entry of aedes' own queue, as its contract suite makes them. */
export interface QueuedPacket {
  readonly cmd: string;
  brokerId?: string;
  brokerCounter?: number;
  messageId?: number | undefined;
  [field: string]: unknown;
}

/**
 * aedes' own outgoing queue and incoming store, as its contract wants them. Our broker never lets a PUBLISH or an
 * acknowledgement reach aedes, so in service both stay empty (a test holds it to that): what persistent sessions get
 * is in the ring.
 */
export class AedesQueue {
  readonly #outgoing = new Map<string, QueuedPacket[]>();
  readonly #incoming = new Map<string, Map<number, QueuedPacket>>();

  get count(): number {
    let count = 0;
    for (const queue of this.#outgoing.values()) count += queue.length;
    for (const store of this.#incoming.values()) count += store.size;
    return count;
  }

  enqueue(client: string, packet: QueuedPacket): void {
    const queue = this.#outgoing.get(client);
    if (queue === undefined) this.#outgoing.set(client, [packet]);
    else queue.push(packet);
  }

  /** Gives the packet its message id, or puts a PUBREL in the place of its PUBLISH. */
  update(client: string, packet: QueuedPacket): void {
    const queue = this.#outgoing.get(client) ?? [];
    for (const [index, queued] of queue.entries()) {
      if (queued.brokerId === packet.brokerId) {
        if (queued.brokerCounter !== packet.brokerCounter) continue;
        queued.messageId = packet.messageId;
        return;
      }
      if (queued.messageId === packet.messageId) {
        queue[index] = packet;
        return;
      }
    }
    throw new Error('no such packet');
  }

  clear(client: string, messageId: number | undefined): QueuedPacket | undefined {
    const queue = this.#outgoing.get(client) ?? [];
    const index = queue.findIndex((queued) => queued.messageId === messageId);
    return index < 0 ? undefined : queue.splice(index, 1)[0];
  }

  outgoing(client: string): readonly QueuedPacket[] {
    return [...(this.#outgoing.get(client) ?? [])];
  }

  store(client: string, messageId: number, packet: QueuedPacket): void {
    const store = this.#incoming.get(client) ?? new Map<number, QueuedPacket>();
    this.#incoming.set(client, store.set(messageId, packet));
  }

  stored(client: string, messageId: number): QueuedPacket {
    const packet = this.#incoming.get(client)?.get(messageId);
    if (packet === undefined) throw new Error('no such packet');
    return packet;
  }

  release(client: string, messageId: number): void {
    this.stored(client, messageId);
    this.#incoming.get(client)?.delete(messageId);
  }
}
