import type { Layout } from '#codec';
import { constant, hex, isRefusal, layout, rest, u8, u16, u32, u64, within } from '#codec';
import type { Epoch, PublicKey } from '#kernel';
import { assert } from '#kernel';
import type { Lane } from '#ring';
import type { Position } from './position.ts';

/**
 * The frames of hypha's bus, version 1. Each is one overlay message on the topic `hypha/bus/1`.
 *
 *   sender                                 receiver
 *     | hello (nonce) ----------------------> |   new session, or with a token: "what of this one have you got?"
 *     | <------------- welcome (token, place) |   everything of this stream up to the place is durable there
 *     | batch 0, 1, 2 … (token) ------------> |
 *     | <------ ack (token, next, held, busy) |   batches below `next` are durable there
 *     | <---------------------- reset (token) |   no such session here (restarted): say hello again
 *
 * By way of relays, between two that are never online at once, there is no session: batches with `noToken`, each taken
 * when what comes before it is there, and one answer, always the newest, of how far that is:
 *
 *     | batch (no token), batch … ----------> |   sealed, through a relay (relay/)
 *     | <--------- receipt (place, missing) - |   the same way back
 *     | relays --------------------------- -> |   where the sender's own letters may be left; also in a session
 *
 * `from` and `to` bind each frame to its direction: overlay keys are the same both ways, so a reflected or re-addressed
 * frame would open. A token is made by the receiver for one session of one stream and kept in memory alone: a frame of
 * an earlier life of either end, or a replayed one, belongs to no session and is refused.
 */
export const busVersion = 1;
/** The version's own topic, so that another version's frames never reach this decoder. */
export const busTopic = 'hypha/bus/1';

export const frameKinds = { hello: 1, welcome: 2, batch: 3, ack: 4, reset: 5, receipt: 6, relays: 7 } as const;
export type FrameKind = keyof typeof frameKinds;

/** In a hello or welcome: the ring there comes from a backup, and they have not met since. */
export const restoredFlag = 1;
/** In a batch that comes by a relay: all before it is settled at the sender, which could not send it again. */
export const firstFlag = 2;

/** No session, no question. */
export const noToken = '0'.repeat(16);

/** What every frame begins with. 68 bytes. */
export const headLayout = layout('bus.head', {
  version: constant(u8, busVersion),
  kind: within(u8, 1, 7),
  lane: within(u8, 0, 2),
  /** `restoredFlag` in hello and welcome, `firstFlag` in a batch of no session. Else zero, and ignored. */
  flags: u8,
  from: hex<PublicKey>(32),
  to: hex<PublicKey>(32),
  body: rest(),
});

/** `token` is `noToken` to begin a session. `place`: settled at the sender. `life`: the sender's present epoch. */
export const helloLayout = layout('bus.hello', {
  nonce: hex(8),
  token: hex(8),
  life: hex<Epoch>(12),
  placeEpoch: hex<Epoch>(12),
  placeSequence: u64,
  placeOrdinal: u64,
});

/** `place`: durable at the receiver. `refused`: all records of this stream that it ever refused, durable too. */
export const welcomeLayout = layout('bus.welcome', {
  nonce: hex(8),
  token: hex(8),
  life: hex<Epoch>(12),
  placeEpoch: hex<Epoch>(12),
  placeSequence: u64,
  placeOrdinal: u64,
  refused: u64,
});

/** `previous`: the stream's place before the first item. All items are of one epoch. Items: see item.ts. */
export const batchLayout = layout('bus.batch', {
  token: hex(8),
  number: u32,
  previousEpoch: hex<Epoch>(12),
  previousSequence: u64,
  previousOrdinal: u64,
  epoch: hex<Epoch>(12),
  /** The first item's sequence is counted from here. */
  before: u64,
  count: u16,
  items: rest(),
});

/** Bit i of `held`: batch `next` + i is in memory there. `busy`: 1 while the ring there takes nothing. */
export const ackLayout = layout('bus.ack', {
  token: hex(8),
  nonce: hex(8),
  next: u32,
  held: u32,
  busy: within(u8, 0, 1),
  refused: u64,
});

export const resetLayout = layout('bus.reset', { token: hex(8) });

/** By way of a relay: `place` and `refused` as in a welcome. `missing`: 1 when what came is not what follows that place. */
export const receiptLayout = layout('bus.receipt', {
  placeEpoch: hex<Epoch>(12),
  placeSequence: u64,
  placeOrdinal: u64,
  refused: u64,
  missing: within(u8, 0, 1),
});

export type Hello = Values<typeof helloLayout>;
export type Welcome = Values<typeof welcomeLayout>;
export type Batch = Values<typeof batchLayout>;
export type Ack = Values<typeof ackLayout>;
export type Reset = Values<typeof resetLayout>;
export type Receipt = Values<typeof receiptLayout>;
type Values<L> = L extends Layout<infer T> ? T : never;

/** Between whom, and on which lane. */
export interface Course {
  readonly from: PublicKey;
  readonly to: PublicKey;
  readonly lane: Lane;
}

export interface OpenedFrame {
  readonly kind: FrameKind;
  readonly course: Course;
  /** See `restoredFlag`. */
  readonly flags: number;
  readonly body: Uint8Array;
}

const kindNames = [undefined, ...(Object.keys(frameKinds) as FrameKind[])];

/** The head of a frame; null for anything that is not one of this version. */
export function openFrame(bytes: Uint8Array): OpenedFrame | null {
  const head = headLayout.decode(bytes);
  if (isRefusal(head)) return null;
  const kind = kindNames[head.kind];
  if (kind === undefined) return null;
  const { from, to, lane, flags, body } = head;
  return { kind, course: { from, to, lane: lane as Lane }, flags, body };
}

/** One whole frame. */
export function frameOf<T extends object>(
  kind: FrameKind,
  course: Course,
  table: Layout<T>,
  value: T,
  flags = 0,
): Uint8Array {
  const bytes = Buffer.allocUnsafe(headBytes + table.size(value));
  writeHead(bytes, kind, course, flags);
  table.encodeInto(value, bytes, headBytes);
  return bytes;
}

/** `list`: as relay/known-relays.ts writes it. */
export function relaysFrame(course: Course, list: Uint8Array): Uint8Array {
  const bytes = Buffer.allocUnsafe(headBytes + list.length);
  writeHead(bytes, 'relays', course);
  bytes.set(list, headBytes);
  return bytes;
}

/** `place`: settled at the sender. */
export function helloFrame(
  course: Course,
  nonce: string,
  token: string,
  life: Epoch,
  place: Position,
  flags = 0,
): Uint8Array {
  const { epoch: placeEpoch, sequence: placeSequence, ordinal: placeOrdinal } = place;
  const value = { nonce, token, life, placeEpoch, placeSequence, placeOrdinal };
  return frameOf('hello', course, helloLayout, value, flags);
}

export const headBytes = 68;
/** Head and the batch's own fields, before the items. */
export const batchHeadBytes = headBytes + 62;

const nothing = new Uint8Array(0);

/** Writes everything before the items at the start of `into`, whose items stand behind already. */
export function writeBatchHead(into: Uint8Array, course: Course, batch: Omit<Batch, 'items'>): void {
  writeHead(into, 'batch', course);
  const end = batchLayout.encodeInto({ ...batch, items: nothing }, into, headBytes);
  assert(end === batchHeadBytes, `a batch head of ${end} bytes`);
}

function writeHead(into: Uint8Array, kind: FrameKind, course: Course, flags = 0): void {
  const { from, to, lane } = course;
  const head = { kind: frameKinds[kind], lane, flags, from, to, body: nothing };
  const end = headLayout.encodeInto(head, into, 0);
  assert(end === headBytes, `a head of ${end} bytes`);
}
