import { payloadOffset, readVarint, scanProperties, varintLength, writeVarint } from '#codec';
import { maxTopicLevels, topicAliasMaximum } from './limits.ts';
import type { Output } from './output.ts';

/** First bytes of the packets that never reach aedes. MQTT 5 §2.1.2. */
export const packetType = {
  connect: 1,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  subscribe: 8,
  unsubscribe: 10,
  pingreq: 12,
  disconnect: 14,
} as const;

export type Acknowledgement =
  | typeof packetType.puback
  | typeof packetType.pubrec
  | typeof packetType.pubrel
  | typeof packetType.pubcomp;

/** MQTT 5 §2.4, those that we send. */
export const reason = {
  success: 0x00,
  notAuthorized: 0x87,
  malformedPacket: 0x81,
  protocolError: 0x82,
  topicNameInvalid: 0x90,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  quotaExceeded: 0x97,
  keepAliveTimeout: 0x8d,
} as const;

export interface InboundPublish {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** 0 for QoS 0. */
  readonly id: number;
  /** As the ring stores it. A view of the socket's bytes: copy it to keep it. */
  readonly body: Uint8Array;
}

/** A publish that breaks the protocol: the reason code to cut the client with. */
export type PublishFault = number;

/**
 * PUBLISH. MQTT 3.1.1 §3.3, MQTT 5 §3.3: topic, packet id (QoS 1, 2), properties (MQTT 5), payload. `aliases` are this
 * connection's. Overwrites the byte before a 3.1.1 payload, which it has read by then: with it, the payload is a body.
 */
export function readPublish(
  first: number,
  packet: Buffer,
  start: number,
  end: number,
  version: number,
  aliases: Map<number, string>,
): InboundPublish | PublishFault {
  const qos = (first >> 1) & 3;
  if (qos === 3 || start + 2 > end) return reason.malformedPacket;
  const topicEnd = start + 2 + (((packet[start] ?? 0) << 8) | (packet[start + 1] ?? 0));
  let at = topicEnd + (qos > 0 ? 2 : 0);
  if (at > end) return reason.malformedPacket;
  let topic = packet.toString('utf8', start + 2, topicEnd);
  const id = qos > 0 ? ((packet[topicEnd] ?? 0) << 8) | (packet[topicEnd + 1] ?? 0) : 0;
  if (qos > 0 && id === 0) return reason.protocolError;
  let body: Uint8Array;
  if (version === 5) {
    const head = readVarint(packet, at, end);
    if (head < 0) return reason.malformedPacket;
    const propertiesAt = at + (head & 7);
    const payloadAt = propertiesAt + Math.floor(head / 8);
    if (payloadAt > end) return reason.malformedPacket;
    body = packet.subarray(at, end);
    if (payloadAt > propertiesAt) {
      const scan = scanProperties(packet, propertiesAt, payloadAt);
      if (scan === null) return reason.malformedPacket;
      if (scan.responseTopicAt >= 0 && hasWildcard(packet, scan.responseTopicAt)) return reason.protocolError;
      if (scan.aliasAt >= 0) {
        const alias = packet.readUInt16BE(scan.aliasAt + 1);
        if (alias === 0 || alias > topicAliasMaximum) return reason.topicAliasInvalid;
        if (topic.length > 0) aliases.set(alias, topic);
        else topic = aliases.get(alias) ?? '';
        body = withoutAlias(packet, propertiesAt, scan.aliasAt, payloadAt, end);
      }
    }
  } else {
    packet[--at] = 0;
    body = packet.subarray(at, end);
  }
  if (!isPublishable(topic)) return reason.topicNameInvalid;
  return { topic, qos: qos as 0 | 1 | 2, retain: (first & 1) === 1, id, body };
}

function hasWildcard(packet: Buffer, stringAt: number): boolean {
  const text = packet.toString('utf8', stringAt + 2, stringAt + 2 + packet.readUInt16BE(stringAt));
  return text.includes('+') || text.includes('#');
}

function withoutAlias(packet: Buffer, from: number, aliasAt: number, payloadAt: number, end: number): Uint8Array {
  const length = payloadAt - from - 3;
  const body = Buffer.allocUnsafe(varintLength(length) + length + end - payloadAt);
  let at = writeVarint(body, 0, length);
  at += packet.copy(body, at, from, aliasAt);
  packet.copy(body, at, aliasAt + 3, end);
  return body;
}

/** A topic name that may be published: no wildcards, no NUL, well-formed UTF-8, not too many levels. */
export function isPublishable(topic: string): boolean {
  if (topic.length === 0) return false;
  let levels = 1;
  for (let index = 0; index < topic.length; index++) {
    const code = topic.charCodeAt(index);
    if (code === 0x2b || code === 0x23 || code === 0 || code === 0xfffd) return false;
    if (code === 0x2f) levels++;
  }
  return levels <= maxTopicLevels;
}

/** PUBACK, PUBREC, PUBREL, PUBCOMP: packet id, and a reason code where MQTT 5 has one to tell. */
export function writeAcknowledgement(output: Output, type: Acknowledgement, id: number, code: number): void {
  const length = code === reason.success ? 2 : 3;
  output.reserve(2 + length);
  const { block } = output;
  let { at } = output;
  block[at++] = (type << 4) | (type === packetType.pubrel ? 2 : 0);
  block[at++] = length;
  block[at++] = id >> 8;
  block[at++] = id & 255;
  if (code !== reason.success) block[at++] = code;
  output.at = at;
}

export interface OutboundPublish {
  readonly topic: string;
  readonly body: Uint8Array;
  /** Whole seconds to take off its message expiry interval. */
  readonly ageSeconds: number;
}

/** How one subscriber gets a message. */
export interface Delivery {
  readonly qos: 0 | 1 | 2;
  /** 0 for QoS 0. */
  readonly id: number;
  readonly dup: boolean;
  readonly retain: boolean;
  /** Subscription identifiers; MQTT 5 only. */
  readonly identifiers: readonly number[];
}

/** Writes a PUBLISH and returns its bytes, or 0 when it is longer than `maxBytes` or its body is malformed. */
export function writePublish(
  output: Output,
  version: number,
  message: OutboundPublish,
  how: Delivery,
  maxBytes: number,
): number {
  const { topic, body } = message;
  const payloadAt = payloadOffset(body);
  if (payloadAt < 0) return 0;
  const topicBytes = Buffer.byteLength(topic);
  const propertiesAt = version === 5 ? readVarint(body, 0, body.length) & 7 : payloadAt;
  const identifierBytes = version === 5 ? bytesOfIdentifiers(how.identifiers) : 0;
  const propertyBytes = payloadAt - propertiesAt + identifierBytes;
  const headBytes = version === 5 ? varintLength(propertyBytes) : 0;
  const length = 2 + topicBytes + (how.qos > 0 ? 2 : 0) + headBytes + propertyBytes + body.length - payloadAt;
  const total = 1 + varintLength(length) + length;
  if (total > maxBytes) return 0;
  output.reserve(total);
  const { block } = output;
  let { at } = output;
  block[at++] = 0x30 | (how.dup ? 8 : 0) | (how.qos << 1) | (how.retain ? 1 : 0);
  at = writeVarint(block, at, length);
  block[at++] = topicBytes >> 8;
  block[at++] = topicBytes & 255;
  at += block.write(topic, at, topicBytes, 'utf8');
  if (how.qos > 0) {
    block[at++] = how.id >> 8;
    block[at++] = how.id & 255;
  }
  if (version === 5) {
    at = writeVarint(block, at, propertyBytes);
    for (const identifier of how.identifiers) {
      block[at++] = 0x0b;
      at = writeVarint(block, at, identifier);
    }
  }
  block.set(propertiesAt === 0 ? body : body.subarray(propertiesAt), at);
  if (version === 5 && payloadAt > propertiesAt && message.ageSeconds > 0) {
    countDown(block, at, body, propertiesAt, payloadAt, message.ageSeconds);
  }
  output.at = at + body.length - propertiesAt;
  return total;
}

function bytesOfIdentifiers(identifiers: readonly number[]): number {
  let bytes = 0;
  for (const identifier of identifiers) bytes += 1 + varintLength(identifier);
  return bytes;
}

function countDown(block: Buffer, at: number, body: Uint8Array, from: number, to: number, ageSeconds: number): void {
  const expiryAt = scanProperties(body, from, to)?.expiryAt ?? -1;
  if (expiryAt < 0) return;
  const place = at + expiryAt - from;
  block.writeUInt32BE(Math.max(1, block.readUInt32BE(place) - ageSeconds), place);
}

/** Seconds of a body's message expiry interval; infinite when it has none. */
export function expirySeconds(body: Uint8Array): number {
  if (body[0] === 0) return Number.POSITIVE_INFINITY;
  const payloadAt = payloadOffset(body);
  if (payloadAt < 0) return 0;
  const expiryAt = scanProperties(body, readVarint(body, 0, body.length) & 7, payloadAt)?.expiryAt ?? -1;
  if (expiryAt < 0) return Number.POSITIVE_INFINITY;
  return new DataView(body.buffer, body.byteOffset).getUint32(expiryAt);
}

export const hasPayload = (body: Uint8Array): boolean => payloadOffset(body) < body.length;
