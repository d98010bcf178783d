import type { Layout } from '#codec';
import { constant, hex, isRefusal, layout, rest, u8, u32, within } from '#codec';
import type { PublicKey } from '#kernel';

/**
 * The frames between an agent and a relay (blind mailbox), version 1. Each is one overlay message on the topic
 * `hypha/bus/relay/1`. Envelopes are sealed for their recipient; a relay neither opens nor understands them.
 *
 *   sender                         relay                          recipient
 *     | deposit (ref, slot) ------> |                                |
 *     | <---- custody (ref, verdict)|   `stored`: synced there       |
 *     |                             | <--------------- collect (ref) |   on its start, at link-up, by timer
 *     |                             | letter (ref, place) ---------> |   or pushed, when the relay sees it reachable
 *     |                             | <-------- taken (place, keep)  |   synced there, or of no use to it: forgotten here
 *     |                             | emptied (ref) ---------------> |   nothing is left but what it keeps back
 *     | announce, ask <-----------> | <-----------> announce, ask    |   the newest announcement of a client
 *
 * `from` and `to` bind each frame to its direction, as on the bus; `ref` is made by who asks, so that an answer of
 * another day is not heard. A deposit replaces what the same depositor has left for that recipient in the same slot.
 */
export const relayTopic = 'hypha/bus/relay/1';

export const relayKinds = {
  deposit: 1,
  custody: 2,
  collect: 3,
  letter: 4,
  taken: 5,
  emptied: 6,
  announce: 7,
  ask: 8,
} as const;
export type RelayKind = keyof typeof relayKinds;

/** What became of a deposit. Only `stored` is a promise; the others say what was in the way. */
export const verdicts = [
  'stored',
  'not-allowed',
  'full',
  'sender-full',
  'recipient-full',
  'too-large',
  'busy',
] as const;
export type Verdict = (typeof verdicts)[number];

/** A batch of 48 KiB at most, or one long record, sealed. */
export const envelopeLimit = 4 * 1024 * 1024;
/** No frame is longer. */
export const relayFrameLimit = envelopeLimit + 512;
/** An announcement with its extensions. */
export const announcementLimit = 2048;

export const relayHead = layout('relay.head', {
  version: constant(u8, 1),
  kind: within(u8, 1, 8),
  /** Zero; ignored on receipt. */
  flags: u8,
  from: hex<PublicKey>(32),
  to: hex<PublicKey>(32),
  body: rest(),
});
export const relayHeadBytes = 67;

export const depositLayout = layout('relay.deposit', {
  ref: hex(8),
  recipient: hex<PublicKey>(32),
  slot: hex(16),
  envelope: rest(),
});

/** `waitSeconds`: do not ask again before; 0 with `stored`. */
export const custodyLayout = layout('relay.custody', {
  ref: hex(8),
  verdict: within(u8, 0, verdicts.length - 1),
  waitSeconds: u32,
});

export const collectLayout = layout('relay.collect', { ref: hex(8) });

/** `place`: where it lies in the relay's ring, for ever its own. */
export const letterLayout = layout('relay.letter', {
  ref: hex(8),
  place: hex(20),
  depositor: hex<PublicKey>(32),
  envelope: rest(),
});

/** `keep` 1: the recipient has it in memory alone and may ask for it again. */
export const takenLayout = layout('relay.taken', { place: hex(20), keep: within(u8, 0, 1) });

/** `left`: letters that the recipient keeps back here. */
export const emptiedLayout = layout('relay.emptied', { ref: hex(8), left: u32 });

export const announceLayout = layout('relay.announce', { of: hex<PublicKey>(32), announcement: rest() });

export const askLayout = layout('relay.ask', { of: hex<PublicKey>(32) });

/** Each kind's table. */
export const relayLayouts = {
  deposit: depositLayout,
  custody: custodyLayout,
  collect: collectLayout,
  letter: letterLayout,
  taken: takenLayout,
  emptied: emptiedLayout,
  announce: announceLayout,
  ask: askLayout,
} as const;

type Values<L> = L extends Layout<infer T> ? T : never;
export type RelayBody<K extends RelayKind> = Values<(typeof relayLayouts)[K]>;

/** A frame as it was read: its kind and what it says. */
export type RelaySaying = { readonly [K in RelayKind]: { readonly kind: K; readonly says: RelayBody<K> } }[RelayKind];

export type RelayFrame = RelaySaying & { readonly from: PublicKey; readonly to: PublicKey };

const kindNames = Object.keys(relayKinds) as RelayKind[];

/** Null for anything that is not a frame of this version. */
export function openRelayFrame(bytes: Uint8Array): RelayFrame | null {
  if (bytes.length > relayFrameLimit) return null;
  const head = relayHead.decode(bytes);
  if (isRefusal(head)) return null;
  const kind = kindNames[head.kind - 1];
  if (kind === undefined) return null;
  const says = (relayLayouts[kind] as Layout<object>).decode(head.body);
  if (isRefusal(says)) return null;
  return { kind, says, from: head.from, to: head.to } as RelayFrame;
}

/** One whole frame. */
export function relayFrame(from: PublicKey, to: PublicKey, { kind, says }: RelaySaying): Uint8Array {
  const table = relayLayouts[kind] as Layout<object>;
  const bytes = Buffer.allocUnsafe(relayHeadBytes + table.size(says));
  const head = { kind: relayKinds[kind], flags: 0, from, to, body: nothing };
  table.encodeInto(says, bytes, relayHead.encodeInto(head, bytes, 0));
  return bytes;
}

const nothing = new Uint8Array(0);
