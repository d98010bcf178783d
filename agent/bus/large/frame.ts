import type { Layout } from '#codec';
import { bytes, constant, hex, isRefusal, layout, lengthOf, rest, sizedBy, u8, u16, u32, u64, within } from '#codec';
import type { PublicKey } from '#kernel';

/**
 * The frames of file transfers, version 1. Each is one overlay message on the topic `hypha/bus/files/1`.
 *
 *   sender                                     receiver
 *     | offer (nonce, size, root …) -----------> |   also: "how much of it have you got?"
 *     | <-- answer (nonce, take, next, held) --- |   leaves below `next` are written there, and those `held` beyond
 *     | piece 0, 1, 2 … (proof, bytes) --------> |   each checked against the root before it is written
 *     | <-------------- answer (take, next …) -- |
 *     | <------------------ answer (done) ------ |   synced, in its place, and remembered
 *     | call-off ------------------------------> |   the sender wants it no more
 *
 * `from` and `to` bind each frame to its direction, as on the bus. A nonce is made by the sender for one session: an answer
 * of an earlier session, or a replayed one, is not heard. Pieces need no such thing: a leaf that fits the root is right
 * whenever and however often it comes.
 */
export const filesTopic = 'hypha/bus/files/1';

/** What is sent of files waits for everything else that goes to the same node. */
export const bulk = 2 as const;

export const filesKinds = { offer: 1, answer: 2, piece: 3, 'call-off': 4 } as const;
export type FilesKind = keyof typeof filesKinds;

/** Leaves, and so pieces: small enough that one is soon through a thin link, large enough that hashing and heads cost little. */
export const leafBytes = 65_536;
/** A leaf number fits 24 bits: 1 TiB of 64 KiB leaves. */
export const leafLimit = 2 ** 24;
/** How far beyond the first missing leaf the sender may go: as many as `held` has bits. */
export const reachLeaves = 64;
/** No frame is longer: a leaf, its proof of 24 hashes, the heads. */
export const filesFrameLimit = leafBytes + 1024 + 65_536;

export const filesHead = layout('files.head', {
  version: constant(u8, 1),
  kind: within(u8, 1, 4),
  /** Zero; ignored on receipt. */
  flags: u16,
  from: hex<PublicKey>(32),
  to: hex<PublicKey>(32),
  id: hex(16),
  nonce: hex(8),
  body: rest(),
});

export const filesHeadBytes = 92;

export const offerLayout = layout('files.offer', {
  size: u64,
  leaf: u32,
  root: bytes(32),
  topicBytes: lengthOfText('topic'),
  topic: sizedBy('topicBytes'),
  nameBytes: lengthOfText('name'),
  name: sizedBy('nameBytes'),
});

function lengthOfText(of: string) {
  return { ...lengthOf(of, u16), wanted: (length: number) => (length > 1024 ? 'at most 1024' : null) };
}

/** Bit i of `held`, from the highest of its first byte: leaf `next` + 1 + i is written there. `why`: for `wait` and `refused`. */
export const answerLayout = layout('files.answer', {
  state: within(u8, 0, 5),
  next: u32,
  held: bytes(reachLeaves / 8),
  whyBytes: lengthOfText('why'),
  why: sizedBy('whyBytes'),
});

/** `take`: send. `wait`: not now. `again`: nothing is known of it here, offer it. */
export const answerStates = ['take', 'wait', 'done', 'refused', 'again', 'called-off'] as const;
export type AnswerState = (typeof answerStates)[number];

/** Zeros behind the leaf's own bytes mean nothing (a stock daemon wants some lengths longer). */
export const pieceLayout = layout('files.piece', {
  index: u32,
  proofBytes: lengthOf('proof', u16),
  proof: sizedBy('proofBytes'),
  bytes: rest(leafBytes),
});

export type Offer = Values<typeof offerLayout>;
export type Answer = Values<typeof answerLayout>;
export type Piece = Values<typeof pieceLayout>;
type Values<L> = L extends Layout<infer T> ? T : never;

/** Which transfer, between whom, in which session. */
export interface FilesCourse {
  readonly from: PublicKey;
  readonly to: PublicKey;
  readonly id: string;
  readonly nonce: string;
}

export interface OpenedFilesFrame {
  readonly kind: FilesKind;
  readonly course: FilesCourse;
  readonly body: Uint8Array;
}

const kindNames: readonly (FilesKind | undefined)[] = [undefined, 'offer', 'answer', 'piece', 'call-off'];

export function openFilesFrame(frame: Uint8Array): OpenedFilesFrame | null {
  const head = filesHead.decode(frame);
  if (isRefusal(head)) return null;
  const kind = kindNames[head.kind];
  if (kind === undefined) return null;
  return { kind, course: { from: head.from, to: head.to, id: head.id, nonce: head.nonce }, body: head.body };
}

const nothing = new Uint8Array(0);

export function filesFrame<T extends object>(
  kind: FilesKind,
  course: FilesCourse,
  table: Layout<T> | null,
  value: T,
): Uint8Array {
  const frame = Buffer.allocUnsafe(filesHeadBytes + (table?.size(value) ?? 0));
  filesHead.encodeInto({ kind: filesKinds[kind], flags: 0, ...course, body: nothing }, frame, 0);
  table?.encodeInto(value, frame, filesHeadBytes);
  return frame;
}
