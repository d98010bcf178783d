import type { Instant } from '#kernel';
import type { Ring } from '#ring';
import type { LiveMessage } from './live.ts';
import { stateKey } from './session-state.ts';
import { bodyOf, decodeWill, encodeWill, type PacketProperties, type Will } from './wills.ts';

/** A will as aedes hands it over: the same object at CONNECT and when it is to be published. */
export interface WillPacket {
  readonly topic: string;
  readonly payload?: Uint8Array | string | undefined;
  readonly qos?: number | undefined;
  readonly retain?: boolean | undefined;
  readonly properties?: PacketProperties | undefined;
  brokerId?: string;
  clientId?: string;
}

/** The connection whose will it is. */
export interface WillOwner {
  readonly closed?: boolean;
}

interface Current {
  readonly packet: WillPacket;
  readonly owner: WillOwner | null;
}

const qosOf = (value: number | undefined): 0 | 1 | 2 => (value === 2 ? 2 : value === 1 ? 1 : 0);

/**
 * Wills of connected clients: `will/<client id>` from before CONNACK until the record that publishes it or a clean
 * disconnect. A client id whose connection is taken over has two wills for a moment; each is cleared by its own only.
 */
export class Wills {
  readonly #ring: Ring;
  readonly #current = new Map<string, Current>();

  constructor(ring: Ring) {
    this.#ring = ring;
  }

  /** Durable when this resolves. */
  async put(client: string, packet: WillPacket, owner: WillOwner | null, brokerId: string): Promise<void> {
    const value = encodeWill(this.#will(packet, brokerId));
    const appended = this.#ring.append([{ kind: 'state', key: stateKey.will(client), value }]);
    if (!appended.ok) throw new Error(`broker: will not stored, ring ${appended.reason}`);
    this.#current.set(client, { packet, owner });
    await this.#ring.whenDurable(appended.last);
  }

  get(client: string): Will | undefined {
    const value = this.#ring.state(stateKey.will(client));
    return (value === undefined ? null : decodeWill(value)) ?? undefined;
  }

  owner(client: string): WillOwner | null {
    return this.#current.get(client)?.owner ?? null;
  }

  /** Forgets the will, unless its connection is still there. */
  async drop(client: string): Promise<Will | undefined> {
    const owner = this.owner(client);
    if (owner !== null && owner.closed === false) return undefined;
    const will = this.get(client);
    this.#current.delete(client);
    if (will === undefined) return undefined;
    const appended = this.#ring.append([{ kind: 'state', key: stateKey.will(client), value: null }]);
    if (appended.ok) await this.#ring.whenDurable(appended.last);
    return will;
  }

  /** A client id is back: a will of its earlier connection that nobody published is void. */
  forget(client: string, now: WillOwner): void {
    const owner = this.owner(client);
    if (owner === null || owner === now || owner.closed === false) return;
    this.#current.delete(client);
    this.#ring.append([{ kind: 'state', key: stateKey.will(client), value: null }]);
  }

  /** The message of a will that is to be published, and whether its record goes with it. */
  take(client: string | null, packet: WillPacket, now: Instant): { message: LiveMessage; clears: string | null } {
    const { topic, qos, retain, body } = this.#will(packet, '');
    const mine = client !== null && this.#current.get(client)?.packet === packet;
    if (mine && client !== null) this.#current.delete(client);
    const message = { topic, qos, retain, body, born: now, publisher: null };
    return { message, clears: mine && client !== null ? stateKey.will(client) : null };
  }

  /** Every will on disk. */
  *all(): Generator<readonly [client: string, will: Will]> {
    for (const [key, value] of [...this.#ring.states('will/')]) {
      const will = decodeWill(value);
      if (will !== null) yield [key.slice('will/'.length), will];
    }
  }

  #will(packet: WillPacket, brokerId: string): Will {
    const payload =
      typeof packet.payload === 'string' ? Buffer.from(packet.payload) : (packet.payload ?? Buffer.alloc(0));
    const body = bodyOf(payload, packet.properties);
    return { topic: packet.topic, qos: qosOf(packet.qos), retain: packet.retain === true, body, brokerId };
  }
}
