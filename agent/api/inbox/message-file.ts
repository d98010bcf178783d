import { constant, hex, isRefusal, layout, lengthOf, reserved, rest, sizedBy, u8, u32 } from '#codec';
import { blake3 } from '#crypto';
import { type Address, hexOf, type PublicKey } from '#kernel';
import type { MessageId, ReceivedMessage } from '#overlay';

const digestBytes = 32;

/** "HyIn" */
const magic = 0x4879_496e;
const version = 1;

/** A file of the inbox behind its digest. Ours. flags: 1 = it is a reply. */
const messageFile = layout('inbox-message', {
  magic: constant(u32, magic),
  version: constant(u8, version),
  flags: u8,
  reserved: reserved(1),
  topicLength: lengthOf('topic', u8),
  id: hex<MessageId>(8),
  from: hex<PublicKey>(32),
  fromAddress: hex<Address>(16),
  toAddress: hex<Address>(16),
  topic: sizedBy('topicLength'),
  payload: rest(1 << 30),
});

const headBytes = 80;

/** What a message of that size takes on the disk, in the file system's usual blocks. */
export const costOf = (payloadBytes: number, topicBytes: number): number =>
  Math.ceil((digestBytes + headBytes + topicBytes + payloadBytes) / 4096) * 4096;

/** BLAKE3 of what follows, then the table above. */
export function encodeMessageFile(message: ReceivedMessage): Uint8Array {
  const { isReply, ...fields } = message;
  const value = { ...fields, flags: isReply ? 1 : 0 };
  const bytes = new Uint8Array(digestBytes + messageFile.size(value));
  messageFile.encodeInto(value, bytes, digestBytes);
  bytes.set(blake3(bytes.subarray(digestBytes)));
  return bytes;
}

/** Names a message and all that it says by the first bytes of its file's digest. */
export const identityOf = (file: Uint8Array): string => hexOf(file.subarray(0, 12));

/** Null: torn, decayed, or none of ours. What it returns shares memory with `bytes`. */
export function decodeMessageFile(bytes: Uint8Array): ReceivedMessage | null {
  const body = bytes.subarray(digestBytes);
  if (bytes.length < digestBytes || Buffer.compare(bytes.subarray(0, digestBytes), blake3(body)) !== 0) return null;
  const found = messageFile.decode(body);
  if (isRefusal(found)) return null;
  const { flags, ...fields } = found;
  return { ...fields, isReply: (flags & 1) !== 0 };
}
