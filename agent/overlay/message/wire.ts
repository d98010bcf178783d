/**
 * Message packets (WIRE.md §5; Mycelium 0.7.10), written by hand because every reading passes here three times each
 * way. All integers are big endian. The tables of the same layouts are their test.
 *
 * ```
 * header, 12 bytes:  message id (8) | flags (2) | reserved (2)
 * INIT               length (8) | topic length (1) | topic
 * CHUNK              index (8) | offset (8) | size (8) | data
 * DONE               chunk count (8) | BLAKE3-256 of the data (32)
 * READ, ABORTED      nothing
 * acks               INIT: 9 bytes back; CHUNK: 24 bytes back; DONE: 40 bytes back
 * ```
 */
import type { MessageId } from '../types.ts';

export const headerBytes = 12;
export const initBytes = 9;
export const chunkHeaderBytes = 24;
export const doneBytes = 40;
/** Data in one chunk at the most, as stock: header, chunk header and data stay below 1,400 bytes. */
export const chunkDataBytes = 1300;
export const topicLimitBytes = 255;

export const flag = {
  init: 0x8000,
  done: 0x4000,
  aborted: 0x2000,
  chunk: 0x1000,
  read: 0x0800,
  reply: 0x0400,
  ack: 0x0100,
} as const;

export type Kind = 'init' | 'chunk' | 'done' | 'read' | 'aborted';

/** Which message it is about, in the bytes that its header begins with. */
export interface IdentifiedBy {
  readonly idBytes: Uint8Array;
}

export interface Init {
  readonly lengthBytes: number;
  readonly topic: Buffer;
}

/** How many chunks a payload is cut into: even parts, because stock refuses a short last one (WIRE.md §5). */
export const chunkCountOf = (lengthBytes: number): number => Math.ceil(lengthBytes / chunkDataBytes);

export const idOf = (body: Buffer): MessageId => body.toString('hex', 0, 8) as MessageId;

export const flagsOf = (body: Buffer): number => ((body[8] as number) << 8) | (body[9] as number);

/** Null: flags that name nothing. The order is stock's, should a packet carry two. */
export function kindOf(flags: number): Kind | null {
  if (flags & flag.init) return 'init';
  if (flags & flag.chunk) return 'chunk';
  if (flags & flag.done) return 'done';
  if (flags & flag.read) return 'read';
  if (flags & flag.aborted) return 'aborted';
  return null;
}

/** Exact below 2^53; above it large enough to be refused by any limit. */
export const readLong = (body: Buffer, at: number): number =>
  body.readUInt32BE(at) * 0x1_0000_0000 + body.readUInt32BE(at + 4);

function writeLong(value: number, into: Buffer, at: number): void {
  into.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  into.writeUInt32BE(value % 0x1_0000_0000, at + 4);
}

/** Null when it is cut short. Bytes behind the topic are ignored. */
export function readInit(body: Buffer): Init | null {
  if (body.length < headerBytes + initBytes) return null;
  const start = headerBytes + initBytes;
  const end = start + (body[headerBytes + 8] as number);
  if (body.length < end) return null;
  return { lengthBytes: readLong(body, headerBytes), topic: body.subarray(start, end) };
}

export function initPacket(of: IdentifiedBy, isReply: boolean, lengthBytes: number, topic: Uint8Array): Buffer {
  const packet = begin(of, headerBytes + initBytes + topic.length, isReply ? flag.init | flag.reply : flag.init);
  writeLong(lengthBytes, packet, headerBytes);
  packet[headerBytes + 8] = topic.length;
  if (topic.length > 0) packet.set(topic, headerBytes + initBytes);
  return packet;
}

/** `payload[from … from + size)` as chunk `index`. */
export function chunkPacket(of: IdentifiedBy, index: number, from: number, size: number, payload: Uint8Array): Buffer {
  const packet = begin(of, headerBytes + chunkHeaderBytes + size, flag.chunk);
  writeLong(index, packet, headerBytes);
  writeLong(from, packet, headerBytes + 8);
  writeLong(size, packet, headerBytes + 16);
  packet.set(payload.subarray(from, from + size), headerBytes + chunkHeaderBytes);
  return packet;
}

export function donePacket(of: IdentifiedBy, chunkCount: number, hash: Uint8Array): Buffer {
  const packet = begin(of, headerBytes + doneBytes, flag.done);
  writeLong(chunkCount, packet, headerBytes);
  packet.set(hash, headerBytes + 8);
  return packet;
}

/** READ or ABORTED. */
export const barePacket = (of: IdentifiedBy, flags: number): Buffer => begin(of, headerBytes, flags);

/** The first `length` bytes of a packet back, with ACK added to its flags. */
export function ackPacket(packet: Buffer, length: number): Buffer {
  const ack = Buffer.allocUnsafe(length);
  packet.copy(ack, 0, 0, length);
  ack[8] = (packet[8] as number) | (flag.ack >> 8);
  return ack;
}

function begin(of: IdentifiedBy, length: number, flags: number): Buffer {
  const packet = Buffer.allocUnsafe(length);
  packet.set(of.idBytes, 0);
  packet[8] = flags >> 8;
  packet[9] = flags & 0xff;
  packet[10] = 0;
  packet[11] = 0;
  return packet;
}
