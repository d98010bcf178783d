/** MQTT 3.1.1 (4) or 5. */
export type Version = 4 | 5;

/** Control packet types, MQTT 5 §2.1.2, as the high nibble of the first byte. */
export const packetType = {
  connect: 0x10,
  connack: 0x20,
  publish: 0x30,
  puback: 0x40,
  pubrec: 0x50,
  pubrel: 0x60,
  pubcomp: 0x70,
  subscribe: 0x80,
  suback: 0x90,
  pingreq: 0xc0,
  pingresp: 0xd0,
  disconnect: 0xe0,
} as const;

export interface ConnectFields {
  readonly clientId: string;
  readonly version: Version;
  readonly clean: boolean;
  readonly keepAliveSeconds: number;
}

/** CONNECT, §3.1. A persistent MQTT 5 session asks to be kept for ever (Session Expiry Interval 0xFFFFFFFF). */
export function connectPacket(fields: ConnectFields): Buffer {
  const flags = fields.clean ? 0x02 : 0;
  const fixed = [...string('MQTT'), fields.version, flags, ...uint16(fields.keepAliveSeconds)];
  if (fields.version === 5) fixed.push(...(fields.clean ? [0] : [5, 0x11, 0xff, 0xff, 0xff, 0xff]));
  return packet(packetType.connect, [...fixed, ...string(fields.clientId)]);
}

/** SUBSCRIBE to one filter, §3.8. */
export function subscribePacket(version: Version, packetId: number, filter: string, qos: 0 | 1 | 2): Buffer {
  const properties = version === 5 ? [0] : [];
  return packet(packetType.subscribe | 0x02, [...uint16(packetId), ...properties, ...string(filter), qos]);
}

export const pingPacket: Buffer = Buffer.from([packetType.pingreq, 0]);
export const disconnectPacket: Buffer = Buffer.from([packetType.disconnect, 0]);
/** PUBACK, PUBREC, PUBREL and PUBCOMP without a reason code are four bytes in both versions. */
export const ackBytes = 4;

export function writeAck(into: Buffer, at: number, type: number, packetId: number): void {
  into[at] = type === packetType.pubrel ? type | 0x02 : type;
  into[at + 1] = 2;
  into[at + 2] = packetId >> 8;
  into[at + 3] = packetId & 0xff;
}

/** Reads a variable byte integer (§1.5.5); its value and where it ends. */
export function varint(bytes: Buffer, start: number): readonly [value: number, end: number] {
  let value = 0;
  let at = start;
  for (let scale = 1; ; scale *= 128) {
    const byte = bytes[at++] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return [value, at];
  }
}

function packet(first: number, body: readonly number[]): Buffer {
  return Buffer.from([first, ...lengthBytes(body.length), ...body]);
}

export function lengthBytes(length: number): number[] {
  const out: number[] = [];
  let rest = length;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return out;
}

export const uint16 = (value: number): number[] => [value >> 8, value & 0xff];

export const string = (text: string): number[] => {
  const bytes = Buffer.from(text);
  return [...uint16(bytes.length), ...bytes];
};
