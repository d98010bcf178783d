/**
 * Packets of the better path (FORMAT.md), written and read by position because every reading passes here. All integers
 * are big endian. The tables of the same layouts (layouts.ts) are their test.
 *
 * ```
 * packet             token (6) | number (4) | frames
 * ```
 */
import type { Subnet } from '#kernel';
import type { MessageId } from '../types.ts';
import { Spans } from './spans.ts';

export const pathVersion = 1;
export const headBytes = 10;
export const tokenBytes = 6;
/** In the place of a token: the packet belongs to no session. */
export const noToken = 0;

export const frameType = {
  padding: 0x00,
  ping: 0x01,
  ack: 0x02,
  hello: 0x03,
  welcome: 0x04,
  reset: 0x05,
  ask: 0x06,
  abort: 0x07,
  read: 0x08,
  /** And the code of the state. */
  state: 0x10,
  /** And the flags of the message. */
  whole: 0x20,
  fragment: 0x28,
} as const;

/** Patient: its acknowledgement may wait for company. */
export const messageFlag = { reply: 1, patient: 2 } as const;

/** What has become of a message at its receiver. */
export const stateCode = {
  /** It is there, whole, and handed on. */
  taken: 0,
  /** It is there, whole, and being made durable. */
  waiting: 1,
  /** It is not there: begin anew. */
  missing: 2,
  /** Not now: no room, not admitted, or not stored. Begin anew later. */
  refused: 3,
  /** Another content under this id has been delivered before. */
  conflict: 4,
} as const;

/** The rest of a pair of type and length, in front of topic and data. */
export const wholeHeadBytes = 16;
export const fragmentHeadBytes = 24;
export const greetingBytes = 18;
export const stateBytes = 6;
const ackHeadBytes = 10;
const ackRangeBytes = 4;
const rangeLimit = 0xffff;
const delayUnitsPerMs = 10;

/** The most ranges that an ACK tells of; older numbers are not told again. */
export const ackRanges = 32;

/** HELLO or WELCOME: who speaks, by which token it wants to be addressed, and how long a packet it takes. */
export interface Greeting {
  readonly version: number;
  readonly token: number;
  readonly subnet: Subnet;
  readonly acceptsBytes: number;
}

/** A message or a part of it, as it stands in a packet: `topic` and `data` are views of that. */
export interface Part {
  readonly id: MessageId;
  readonly tag: number;
  readonly isReply: boolean;
  readonly isPatient: boolean;
  readonly totalBytes: number;
  readonly offset: number;
  readonly topic: Buffer;
  readonly data: Buffer;
}

/** What has become of the attempts `tag` … `tag + more`. */
export interface State {
  readonly code: number;
  readonly tag: number;
  more: number;
}

/** What a packet says, frame by frame. */
export interface FrameSink {
  ack(numbers: Spans, delayMs: number): void;
  hello(greeting: Greeting): void;
  welcome(greeting: Greeting): void;
  reset(token: number): void;
  ask(tag: number, id: MessageId, isReply: boolean): void;
  abort(id: MessageId): void;
  read(id: MessageId): void;
  state(code: number, tag: number): void;
  part(part: Part): void;
}

export const tokenOf = (packet: Buffer): number => packet.readUIntBE(0, tokenBytes);
export const numberOf = (packet: Buffer): number => packet.readUInt32BE(tokenBytes);

/** Hands on every frame. Null: a frame that is no frame. Else whether some frame wants an acknowledgement. */
export function eachFrame(packet: Buffer, sink: FrameSink): boolean | null {
  let at = headBytes;
  let elicits = false;
  while (at < packet.length) {
    const type = packet[at] as number;
    if (type === frameType.padding) return elicits;
    const end = readFrame(packet, at, type, sink);
    if (end < 0) return null;
    if (type !== frameType.ack && type !== frameType.reset && (type & 0xf8) !== frameType.state) elicits = true;
    at = end;
  }
  return elicits;
}

const ignored = (): void => undefined;
const nobody: FrameSink = {
  ack: ignored,
  hello: ignored,
  welcome: ignored,
  reset: ignored,
  ask: ignored,
  abort: ignored,
  read: ignored,
  state: ignored,
  part: ignored,
};

/** Whether a packet that is not taken (again) wants to be acknowledged all the same. */
export const elicitsAck = (packet: Buffer): boolean => eachFrame(packet, nobody) === true;

/** The position behind the frame; -1: it is none. */
function readFrame(packet: Buffer, at: number, type: number, sink: FrameSink): number {
  if (type >= frameType.whole) return readPart(packet, at, type, sink);
  if (type >= frameType.state) return readState(packet, at, type, sink);
  switch (type) {
    case frameType.ping:
      return at + 1;
    case frameType.ack:
      return readAck(packet, at, sink);
    case frameType.hello:
    case frameType.welcome:
      return readGreeting(packet, at, type, sink);
    case frameType.reset:
      return readReset(packet, at, sink);
    default:
      return readAbout(packet, at, type, sink);
  }
}

function readReset(packet: Buffer, at: number, sink: FrameSink): number {
  if (at + 1 + tokenBytes > packet.length) return -1;
  sink.reset(packet.readUIntBE(at + 1, tokenBytes));
  return at + 1 + tokenBytes;
}

/** ASK, ABORT or READ. */
function readAbout(packet: Buffer, at: number, type: number, sink: FrameSink): number {
  const idAt = type === frameType.ask ? at + 6 : at + 1;
  const end = idAt + 8;
  if (type > frameType.read || end > packet.length) return -1;
  const id = packet.toString('hex', idAt, end) as MessageId;
  if (type === frameType.ask) sink.ask(packet.readUInt32BE(at + 2), id, packet[at + 1] === messageFlag.reply);
  else if (type === frameType.abort) sink.abort(id);
  else sink.read(id);
  return end;
}

function readState(packet: Buffer, at: number, type: number, sink: FrameSink): number {
  const code = type - frameType.state;
  if (code > stateCode.conflict || at + stateBytes > packet.length) return -1;
  const first = packet.readUInt32BE(at + 1);
  const more = packet[at + 5] as number;
  for (let index = 0; index <= more; index++) sink.state(code, (first + index) >>> 0);
  return at + stateBytes;
}

function readGreeting(packet: Buffer, at: number, type: number, sink: FrameSink): number {
  const end = at + greetingBytes;
  if (end > packet.length) return -1;
  const greeting = {
    version: packet[at + 1] as number,
    token: packet.readUIntBE(at + 2, tokenBytes),
    subnet: packet.toString('hex', at + 8, at + 16) as Subnet,
    acceptsBytes: packet.readUInt16BE(at + 16),
  };
  if (type === frameType.hello) sink.hello(greeting);
  else sink.welcome(greeting);
  return end;
}

function readAck(packet: Buffer, at: number, sink: FrameSink): number {
  if (at + ackHeadBytes > packet.length) return -1;
  const count = packet[at + 9] as number;
  const end = at + ackHeadBytes + count * ackRangeBytes;
  if (end > packet.length) return -1;
  const largest = packet.readUInt32BE(at + 1);
  const numbers = new Spans();
  let start = largest - packet.readUInt16BE(at + 7);
  if (start < 0) return -1;
  numbers.add(start, largest + 1);
  for (let rangeAt = at + ackHeadBytes; rangeAt < end; rangeAt += ackRangeBytes) {
    const stop = start - packet.readUInt16BE(rangeAt) - 1;
    start = stop - packet.readUInt16BE(rangeAt + 2) - 1;
    if (start < 0) return -1;
    numbers.add(start, stop);
  }
  sink.ack(numbers, packet.readUInt16BE(at + 5) / delayUnitsPerMs);
  return end;
}

function readPart(packet: Buffer, at: number, type: number, sink: FrameSink): number {
  const isWhole = type < frameType.fragment;
  const topicAt = at + (isWhole ? wholeHeadBytes : fragmentHeadBytes);
  if (type >= frameType.fragment + 4 || (type >= frameType.whole + 4 && isWhole) || topicAt > packet.length) return -1;
  const dataAt = topicAt + (packet[at + 13] as number);
  const end = dataAt + packet.readUInt16BE(at + 14);
  if (end > packet.length) return -1;
  const part = {
    id: packet.toString('hex', at + 1, at + 9) as MessageId,
    tag: packet.readUInt32BE(at + 9),
    isReply: (type & messageFlag.reply) !== 0,
    isPatient: (type & messageFlag.patient) !== 0,
    totalBytes: isWhole ? end - dataAt : packet.readUInt32BE(at + 16),
    offset: isWhole ? 0 : packet.readUInt32BE(at + 20),
    topic: packet.subarray(topicAt, dataAt),
    data: packet.subarray(dataAt, end),
  };
  if (!isWhole && (end === dataAt || part.offset + part.data.length > part.totalBytes)) return -1;
  sink.part(part);
  return end;
}

/** One of ABORT and READ. */
export function aboutFrame(type: typeof frameType.abort | typeof frameType.read, idBytes: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(9);
  frame[0] = type;
  frame.set(idBytes, 1);
  return frame;
}

export function askFrame(tag: number, idBytes: Uint8Array, isReply: boolean): Buffer {
  const frame = Buffer.allocUnsafe(14);
  frame[0] = frameType.ask;
  frame[1] = isReply ? messageFlag.reply : 0;
  frame.writeUInt32BE(tag, 2);
  frame.set(idBytes, 6);
  return frame;
}

export function greetingFrame(
  type: typeof frameType.hello | typeof frameType.welcome,
  { version, token, subnet, acceptsBytes }: Greeting,
): Buffer {
  const frame = Buffer.allocUnsafe(greetingBytes);
  frame[0] = type;
  frame[1] = version;
  frame.writeUIntBE(token, 2, tokenBytes);
  frame.write(subnet, 8, 8, 'hex');
  frame.writeUInt16BE(acceptsBytes, 16);
  return frame;
}

/** A packet outside any session with one frame. */
export function lonePacket(token: number, number: number, frame: Uint8Array): Buffer {
  const packet = Buffer.allocUnsafe(headBytes + frame.length);
  writeHead(packet, token, number);
  packet.set(frame, headBytes);
  return packet;
}

export function resetPacket(token: number): Buffer {
  const frame = Buffer.allocUnsafe(1 + tokenBytes);
  frame[0] = frameType.reset;
  frame.writeUIntBE(token, 1, tokenBytes);
  return lonePacket(noToken, 0, frame);
}

export function writeHead(into: Buffer, token: number, number: number): void {
  into.writeUIntBE(token, 0, tokenBytes);
  into.writeUInt32BE(number, tokenBytes);
}

export const ackBytes = (numbers: Spans): number =>
  ackHeadBytes + ackRangeBytes * (Math.min(ackRanges, numbers.count) - 1);

/** ACK of the latest ranges of `numbers`, which has some. */
export function writeAck(numbers: Spans, delayMs: number, into: Buffer, at: number): number {
  const last = numbers.count - 1;
  const largest = numbers.end(last) - 1;
  let start = Math.max(numbers.start(last), largest - rangeLimit);
  into[at] = frameType.ack;
  into.writeUInt32BE(largest, at + 1);
  into.writeUInt16BE(Math.min(rangeLimit, Math.round(delayMs * delayUnitsPerMs)), at + 5);
  into.writeUInt16BE(largest - start, at + 7);
  let end = at + ackHeadBytes;
  let count = 0;
  for (let index = last - 1; index >= 0 && count < ackRanges - 1; index--) {
    const gap = start - numbers.end(index) - 1;
    if (gap < 0 || gap > rangeLimit) break;
    const from = Math.max(numbers.start(index), numbers.end(index) - 1 - rangeLimit);
    into.writeUInt16BE(gap, end);
    into.writeUInt16BE(numbers.end(index) - from - 1, end + 2);
    start = from;
    end += ackRangeBytes;
    count++;
  }
  into[at + 9] = count;
  return end;
}

/** Of `tag` and so many tags behind it. */
export function writeState({ code, tag, more }: State, into: Buffer, at: number): number {
  into[at] = frameType.state + code;
  into.writeUInt32BE(tag, at + 1);
  into[at + 5] = more;
  return at + stateBytes;
}

/** What stands in front of the data of a message, or of a part of it. */
export interface PartHead {
  readonly idBytes: Uint8Array;
  readonly tag: number;
  readonly topic: Uint8Array;
  readonly lengthBytes: number;
}

export function writeWholeHead(
  { idBytes, tag, topic, lengthBytes }: PartHead,
  flags: number,
  into: Buffer,
  at: number,
): number {
  into[at] = frameType.whole + flags;
  writeIdentity(idBytes, tag, topic, lengthBytes, into, at);
  into.set(topic, at + wholeHeadBytes);
  return at + wholeHeadBytes + topic.length;
}

export function writeFragmentHead(
  of: PartHead,
  flags: number,
  offset: number,
  size: number,
  into: Buffer,
  at: number,
): number {
  into[at] = frameType.fragment + flags;
  writeIdentity(of.idBytes, of.tag, of.topic, size, into, at);
  into.writeUInt32BE(of.lengthBytes, at + 16);
  into.writeUInt32BE(offset, at + 20);
  into.set(of.topic, at + fragmentHeadBytes);
  return at + fragmentHeadBytes + of.topic.length;
}

function writeIdentity(id: Uint8Array, tag: number, topic: Uint8Array, size: number, into: Buffer, at: number): void {
  into.set(id, at + 1);
  into.writeUInt32BE(tag, at + 9);
  into[at + 13] = topic.length;
  into.writeUInt16BE(size, at + 14);
}

export const pingFrame = Buffer.of(frameType.ping);
