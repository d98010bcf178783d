import { constant, hex, isRefusal, layout, sizedBy, u8 } from '#codec';
import type { PublicKey } from '#kernel';
import type { Ring } from '#ring';

/** Relays of one contact. */
export const relaysLimit = 8;

const key = (contact: PublicKey): string => `bus/relays/${contact}`;

/** What a node says of where its letters may be left: in a bus frame, and as it is kept in the ring of who was told. */
export const relayListLayout = layout('bus.relays', {
  version: constant(u8, 1),
  count: u8,
  keys: sizedBy('count', (count) => count * 32),
});
const oneKey = layout('bus.relays.key', { key: hex<PublicKey>(32) });

export function encodeRelayList(relays: readonly PublicKey[]): Uint8Array {
  const kept = relays.slice(0, relaysLimit);
  return relayListLayout.encode({ count: kept.length, keys: Buffer.from(kept.join(''), 'hex') });
}

/** Null: it is none. */
export function decodeRelayList(bytes: Uint8Array): PublicKey[] | null {
  const list = relayListLayout.decode(bytes);
  if (isRefusal(list) || list.count > relaysLimit) return null;
  const relays: PublicKey[] = [];
  for (let at = 0; at < list.keys.length; at += 32) {
    const one = oneKey.decode(list.keys.subarray(at, at + 32));
    if (!isRefusal(one)) relays.push(one.key);
  }
  return relays;
}

/** The relays of contacts: as configured here, then as they said themselves, which the ring remembers. */
export class KnownRelays {
  readonly #ring: Pick<Ring, 'state' | 'append'>;
  readonly #configured: (contact: PublicKey) => readonly PublicKey[];
  /** Decoded once. */
  readonly #lists = new Map<PublicKey, readonly PublicKey[]>();

  constructor(ring: Pick<Ring, 'state' | 'append'>, configured: (contact: PublicKey) => readonly PublicKey[]) {
    this.#ring = ring;
    this.#configured = configured;
  }

  of(contact: PublicKey): readonly PublicKey[] {
    const known = this.#lists.get(contact);
    if (known !== undefined) return known;
    const told = decodeRelayList(this.#ring.state(key(contact)) ?? new Uint8Array(0)) ?? [];
    const all = new Set([...this.#configured(contact), ...told]);
    all.delete(contact);
    const list = [...all].slice(0, relaysLimit);
    this.#lists.set(contact, list);
    return list;
  }

  /** True: that is news. Only of contacts, so that it stays bounded. */
  told(contact: PublicKey, list: Uint8Array): boolean {
    const before = this.#ring.state(key(contact));
    if (before !== undefined && Buffer.compare(before, list) === 0) return false;
    if (decodeRelayList(list) === null) return false;
    if (!this.#ring.append([{ kind: 'state', key: key(contact), value: list }]).ok) return false;
    this.#lists.delete(contact);
    return true;
  }
}
