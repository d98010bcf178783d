import type { Subscription } from './subscriptions.ts';

/** Keys of the broker's state records. A client id may hold anything, so it stands last or before a number. */
export const stateKey = {
  session: (client: string) => `session/${client}`,
  incoming: (client: string, id: number) => `incoming/${client}/${id}`,
  received: (client: string) => `received/${client}`,
  will: (client: string) => `will/${client}`,
} as const;

export const cursorName = (client: string): string => `session/${client}`;

/** What a persistent session is made of besides its cursor: `session/<client id>`. */
export interface SessionState {
  readonly expirySeconds: number;
  readonly subscriptions: readonly Subscription[];
}

const formatVersion = 1;
const utf8 = new TextEncoder();
const text = new TextDecoder();

export function encodeSession(state: SessionState): Uint8Array {
  const subscriptions = state.subscriptions.map((each) => [
    each.filter,
    each.qos,
    each.noLocal ? 1 : 0,
    each.retainAsPublished ? 1 : 0,
    each.retainHandling,
    each.identifier,
  ]);
  return utf8.encode(JSON.stringify({ v: formatVersion, expiry: state.expirySeconds, subscriptions }));
}

/** Reads what `encodeSession` wrote; null when it is none of ours (an unknown version, damage). */
export function decodeSession(bytes: Uint8Array): SessionState | null {
  try {
    const value: unknown = JSON.parse(text.decode(bytes));
    if (!isRecord(value) || value['v'] !== formatVersion || !Array.isArray(value['subscriptions'])) return null;
    return { expirySeconds: Number(value['expiry']), subscriptions: value['subscriptions'].map(subscriptionOf) };
  } catch {
    return null;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const level = (value: unknown): 0 | 1 | 2 => (value === 2 ? 2 : value === 1 ? 1 : 0);

function subscriptionOf(row: unknown): Subscription {
  const [filter, qos, noLocal, retainAsPublished, retainHandling, identifier]: readonly unknown[] = Array.isArray(row)
    ? row
    : [];
  return {
    filter: String(filter),
    qos: level(qos),
    noLocal: noLocal === 1,
    retainAsPublished: retainAsPublished === 1,
    retainHandling: level(retainHandling),
    identifier: typeof identifier === 'number' ? identifier : null,
  };
}

/**
 * The ordinals of a session whose PUBREC has come and whose PUBREL may have gone: pairs from–to, 8-byte floats.
 * Those that are settled by now mean nothing.
 */
export function encodeReceived(ordinals: readonly number[]): Uint8Array {
  const ranges: number[] = [];
  for (const ordinal of ordinals) {
    const last = ranges.length - 1;
    if (last > 0 && ranges[last] === ordinal - 1) ranges[last] = ordinal;
    else ranges.push(ordinal, ordinal);
  }
  const bytes = new Uint8Array(ranges.length * 8);
  const view = new DataView(bytes.buffer);
  ranges.forEach((ordinal, index) => {
    view.setFloat64(index * 8, ordinal, true);
  });
  return bytes;
}

export function decodeReceived(bytes: Uint8Array): Set<number> {
  const found = new Set<number>();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const from = view.getFloat64(at, true);
    const to = Math.min(view.getFloat64(at + 8, true), from + 65_535);
    for (let ordinal = from; ordinal <= to; ordinal++) found.add(ordinal);
  }
  return found;
}
