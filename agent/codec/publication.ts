import { AgentError } from '#kernel';

/**
 * An MQTT publication as it crosses hypha: what the broker takes, the ring stores, the bus carries and the far broker
 * gives out. The record body on disk and on the wire is
 *
 *   property length (varint) | MQTT 5 properties as on the wire (§2.2.2.2) | payload
 *
 * with only the properties that belong to the message itself (not topic alias, not subscription identifier).
 */
export interface Publication {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly payload: Uint8Array;
  readonly properties: MessageProperties;
}

/** The PUBLISH properties that travel with a message (MQTT 5 §3.3.2.3). */
export interface MessageProperties {
  readonly payloadFormatIndicator?: boolean;
  /** Seconds. Counted down by the record's age when the message is given out. */
  readonly messageExpiryInterval?: number;
  readonly responseTopic?: string;
  readonly correlationData?: Uint8Array;
  readonly userProperties?: readonly (readonly [name: string, value: string])[];
  readonly contentType?: string;
}

/** Property identifiers of PUBLISH. MQTT 5 §2.2.2.2. */
const property = {
  payloadFormatIndicator: 0x01,
  messageExpiryInterval: 0x02,
  contentType: 0x03,
  responseTopic: 0x08,
  correlationData: 0x09,
  subscriptionIdentifier: 0x0b,
  topicAlias: 0x23,
  userProperty: 0x26,
} as const;

const maxVarint = 268_435_455;

/** What a walk over the properties of a PUBLISH found; offsets are into the walked buffer, -1: not there. */
export interface PropertyScan {
  /** Of the property's four value bytes. */
  readonly expiryAt: number;
  /** Of the property's identifier byte; three bytes in all. */
  readonly aliasAt: number;
  readonly responseTopicAt: number;
}

const malformed = (what: string): AgentError => new AgentError('codec/malformed', 'reject', `publication: ${what}`);

/** Bytes of a variable byte integer (MQTT 5 §1.5.5) as value × 8 + its length in bytes, or -1 when malformed or cut. */
export function readVarint(bytes: Uint8Array, at: number, end: number): number {
  let value = 0;
  let scale = 1;
  for (let length = 1; length <= 4 && at < end; length++) {
    const byte = bytes[at++] ?? 0;
    value += (byte & 127) * scale;
    if (byte < 128) return value * 8 + length;
    scale *= 128;
  }
  return -1;
}

export function varintLength(value: number): number {
  if (value < 128) return 1;
  if (value < 16_384) return 2;
  return value < 2_097_152 ? 3 : 4;
}

/** Writes `value` (at most 268,435,455) and returns the offset behind it. */
export function writeVarint(into: Uint8Array, at: number, value: number): number {
  let left = value;
  let offset = at;
  while (left > 127) {
    into[offset++] = (left & 127) | 128;
    left >>>= 7;
  }
  into[offset++] = left;
  return offset;
}

/**
 * Walks the properties in `bytes[at, end)`, which fill it exactly. Null when they are malformed, doubled where that is
 * not allowed, or none that a client's PUBLISH may carry.
 */
export function scanProperties(bytes: Uint8Array, at: number, end: number): PropertyScan | null {
  let expiryAt = -1;
  let aliasAt = -1;
  let responseTopicAt = -1;
  let seen = 0;
  let offset = at;
  while (offset < end) {
    const id = bytes[offset] ?? 0;
    const bytesOfValue = valueLength(bytes, id, offset + 1, end);
    if (bytesOfValue < 0) return null;
    if (id !== property.userProperty) {
      const bit = 1 << (id === property.topicAlias ? 0 : id);
      if ((seen & bit) !== 0) return null;
      seen |= bit;
    }
    if (id === property.messageExpiryInterval) expiryAt = offset + 1;
    else if (id === property.topicAlias) aliasAt = offset;
    else if (id === property.responseTopic) responseTopicAt = offset + 1;
    offset += 1 + bytesOfValue;
  }
  return { expiryAt, aliasAt, responseTopicAt };
}

function valueLength(bytes: Uint8Array, id: number, at: number, end: number): number {
  switch (id) {
    case property.payloadFormatIndicator:
      return at + 1 <= end && (bytes[at] ?? 2) < 2 ? 1 : -1;
    case property.messageExpiryInterval:
      return at + 4 <= end ? 4 : -1;
    case property.topicAlias:
      return at + 2 <= end ? 2 : -1;
    case property.contentType:
    case property.responseTopic:
    case property.correlationData:
      return stringLength(bytes, at, end);
    case property.userProperty: {
      const name = stringLength(bytes, at, end);
      const value = name < 0 ? -1 : stringLength(bytes, at + name, end);
      return value < 0 ? -1 : name + value;
    }
    default:
      return -1;
  }
}

function stringLength(bytes: Uint8Array, at: number, end: number): number {
  if (at + 2 > end) return -1;
  const length = 2 + (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0));
  return at + length <= end ? length : -1;
}

/** Where the payload of a record body begins, or -1 when the body is malformed. */
export function payloadOffset(body: Uint8Array): number {
  const head = readVarint(body, 0, body.length);
  if (head < 0) return -1;
  const offset = (head & 7) + Math.floor(head / 8);
  return offset <= body.length ? offset : -1;
}

/** How long a message lives by its own expiry interval, from its birth on, in ms; Infinity: for ever. For each record of a backlog. */
export function lifeOf(body: Uint8Array): number {
  if (body[0] === 0) return Number.POSITIVE_INFINITY;
  const head = readVarint(body, 0, body.length);
  if (head < 0) return Number.POSITIVE_INFINITY;
  const from = head & 7;
  const expiryAt = scanProperties(body, from, Math.min(body.length, from + Math.floor(head / 8)))?.expiryAt ?? -1;
  if (expiryAt < 0) return Number.POSITIVE_INFINITY;
  return new DataView(body.buffer, body.byteOffset + expiryAt, 4).getUint32(0) * 1000;
}

const utf8 = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The record body of a message. Throws `codec/malformed` when a string or all properties are longer than MQTT allows. */
export function encodeBody(properties: MessageProperties, payload: Uint8Array): Uint8Array {
  const parts = encodeProperties(properties);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length > maxVarint) throw malformed(`${length} bytes of properties, at most ${maxVarint}`);
  const body = new Uint8Array(varintLength(length) + length + payload.length);
  let offset = writeVarint(body, 0, length);
  for (const part of parts) {
    body.set(part, offset);
    offset += part.length;
  }
  body.set(payload, offset);
  return body;
}

function encodeProperties(properties: MessageProperties): Uint8Array[] {
  const parts: Uint8Array[] = [];
  if (properties.payloadFormatIndicator !== undefined) {
    parts.push(Uint8Array.of(property.payloadFormatIndicator, properties.payloadFormatIndicator ? 1 : 0));
  }
  if (properties.messageExpiryInterval !== undefined) {
    const value = new Uint8Array(5);
    value[0] = property.messageExpiryInterval;
    new DataView(value.buffer).setUint32(1, properties.messageExpiryInterval);
    parts.push(value);
  }
  if (properties.contentType !== undefined) parts.push(text(property.contentType, properties.contentType));
  if (properties.responseTopic !== undefined) parts.push(text(property.responseTopic, properties.responseTopic));
  if (properties.correlationData !== undefined) {
    parts.push(Uint8Array.of(property.correlationData), prefixed(properties.correlationData));
  }
  for (const [name, value] of properties.userProperties ?? []) {
    parts.push(text(property.userProperty, name), prefixed(utf8.encode(value)));
  }
  return parts;
}

function text(id: number, value: string): Uint8Array {
  const bytes = prefixed(utf8.encode(value));
  const out = new Uint8Array(1 + bytes.length);
  out[0] = id;
  out.set(bytes, 1);
  return out;
}

function prefixed(bytes: Uint8Array): Uint8Array {
  if (bytes.length > 65_535) throw malformed(`string of ${bytes.length} bytes, at most 65,535`);
  const out = new Uint8Array(2 + bytes.length);
  out[0] = bytes.length >> 8;
  out[1] = bytes.length & 255;
  out.set(bytes, 2);
  return out;
}

/** Reads a record body back; `payload` is a view of it. Throws `codec/malformed`. */
export function decodeBody(body: Uint8Array): { properties: MessageProperties; payload: Uint8Array } {
  const end = payloadOffset(body);
  if (end < 0) throw malformed('property length beyond the body');
  const start = readVarint(body, 0, body.length) & 7;
  const scan = scanProperties(body, start, end);
  if (scan === null || scan.aliasAt >= 0) throw malformed('properties that are none of a message');
  return { properties: start === end ? {} : decodeProperties(body, start, end), payload: body.subarray(end) };
}

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Takes properties that `scanProperties` has passed. */
function decodeProperties(body: Uint8Array, start: number, end: number): MessageProperties {
  const found: Writable<MessageProperties> = {};
  const pairs: (readonly [string, string])[] = [];
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const span = (at: number) => body.subarray(at + 2, at + stringLength(body, at, end));
  for (let offset = start; offset < end; ) {
    const id = body[offset] ?? 0;
    const at = offset + 1;
    if (id === property.payloadFormatIndicator) found.payloadFormatIndicator = body[at] === 1;
    else if (id === property.messageExpiryInterval) found.messageExpiryInterval = view.getUint32(at);
    else if (id === property.contentType) found.contentType = decodeText(span(at));
    else if (id === property.responseTopic) found.responseTopic = decodeText(span(at));
    else if (id === property.correlationData) found.correlationData = span(at);
    else pairs.push([decodeText(span(at)), decodeText(span(at + stringLength(body, at, end)))]);
    offset = at + valueLength(body, id, at, end);
  }
  if (pairs.length > 0) found.userProperties = pairs;
  return found;
}

function decodeText(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch (error) {
    throw new AgentError('codec/malformed', 'reject', 'publication: text that is not UTF-8', error);
  }
}
