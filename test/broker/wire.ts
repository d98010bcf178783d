/** MQTT packets by hand, for clients that do what no library does. */
const utf8 = (text: string): number[] => {
  const bytes = [...Buffer.from(text)];
  return [bytes.length >> 8, bytes.length & 255, ...bytes];
};

function packet(first: number, ...parts: readonly (readonly number[])[]): Buffer {
  const body = parts.flat();
  const length: number[] = [];
  let rest = body.length;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    length.push(rest > 0 ? low | 128 : low);
  } while (rest > 0);
  return Buffer.from([first, ...length, ...body]);
}

export interface ConnectWith {
  readonly version?: 4 | 5;
  readonly clean?: boolean;
  readonly keepAlive?: number;
  /** MQTT 5 properties, as bytes. */
  readonly properties?: readonly number[];
  readonly will?: {
    readonly topic: string;
    readonly payload: string;
    readonly qos?: number;
    readonly retain?: boolean;
  };
}

export function connectPacket(clientId: string, how: ConnectWith = {}): Buffer {
  const { version = 4, clean = true, keepAlive = 0, properties = [], will } = how;
  const willFlags = will === undefined ? 0 : 4 | ((will.qos ?? 0) << 3) | (will.retain ? 32 : 0);
  const flags = (clean ? 2 : 0) | willFlags;
  const head = [...utf8('MQTT'), version, flags, keepAlive >> 8, keepAlive & 255];
  const own = version === 5 ? [properties.length, ...properties] : [];
  const last = will === undefined ? [] : [...(version === 5 ? [0] : []), ...utf8(will.topic), ...utf8(will.payload)];
  return packet(0x10, head, own, utf8(clientId), last);
}

/** Session Expiry Interval. */
export const expiry = (seconds: number): number[] => [
  0x11,
  seconds >>> 24,
  (seconds >> 16) & 255,
  (seconds >> 8) & 255,
  seconds & 255,
];
export const receiveMaximum = (count: number): number[] => [0x21, count >> 8, count & 255];

export interface PublishWith {
  readonly qos?: 0 | 1 | 2;
  readonly id?: number;
  readonly dup?: boolean;
  readonly retain?: boolean;
  readonly version?: 4 | 5;
  readonly properties?: readonly number[];
}

export function publishPacket(topic: string, payload: string | Uint8Array, how: PublishWith = {}): Buffer {
  const { qos = 0, id = 0, dup = false, retain = false, version = 4, properties = [] } = how;
  const first = 0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0);
  const own = version === 5 ? [properties.length, ...properties] : [];
  return packet(first, utf8(topic), qos > 0 ? [id >> 8, id & 255] : [], own, [...Buffer.from(payload)]);
}

export function subscribePacket(id: number, filters: Readonly<Record<string, number>>, version: 4 | 5 = 4): Buffer {
  const body = Object.entries(filters).flatMap(([filter, options]) => [...utf8(filter), options]);
  return packet(0x82, [id >> 8, id & 255], version === 5 ? [0] : [], body);
}

const acknowledgement = (first: number) => (id: number) => Buffer.from([first, 2, id >> 8, id & 255]);
export const puback = acknowledgement(0x40);
export const pubrec = acknowledgement(0x50);
export const pubrel = acknowledgement(0x62);
export const pubcomp = acknowledgement(0x70);
export const pingreq = Buffer.from([0xc0, 0]);
export const disconnect = Buffer.from([0xe0, 0]);

export const type = {
  connack: 2,
  publish: 3,
  puback: 4,
  pubrec: 5,
  pubrel: 6,
  pubcomp: 7,
  suback: 9,
  pingresp: 13,
  disconnect: 14,
};

export interface ReadPublish {
  readonly topic: string;
  readonly payload: string;
  readonly id: number;
  readonly qos: number;
  readonly dup: boolean;
  readonly retain: boolean;
}

/** A PUBLISH as MQTT 3.1.1 has it, or MQTT 5 without properties. */
export function readPublish(bytes: Buffer, version: 4 | 5 = 4): ReadPublish {
  let at = 1;
  while (((bytes[at++] ?? 0) & 128) !== 0);
  const first = bytes[0] ?? 0;
  const qos = (first >> 1) & 3;
  const end = at + 2 + bytes.readUInt16BE(at);
  const topic = bytes.toString('utf8', at + 2, end);
  const id = qos > 0 ? bytes.readUInt16BE(end) : 0;
  const payloadAt = end + (qos > 0 ? 2 : 0) + (version === 5 ? 1 : 0);
  return { topic, payload: bytes.toString('utf8', payloadAt), id, qos, dup: (first & 8) > 0, retain: (first & 1) > 0 };
}

export const idOf = (bytes: Buffer): number => bytes.readUInt16BE(2);
