import { type Version, varint } from './packets.ts';

export interface Connack {
  readonly code: number;
  readonly sessionPresent: boolean;
  /** MQTT 5 §3.2.2.3.3; 65,535 when not said. */
  readonly receiveMaximum: number;
}

export function connack(bytes: Buffer, start: number, end: number, version: Version): Connack {
  const receiveMaximum = version === 5 && end > start + 2 ? findReceiveMaximum(bytes, start + 2) : 65_535;
  return { code: bytes[start + 1] ?? 255, sessionPresent: ((bytes[start] ?? 0) & 1) === 1, receiveMaximum };
}

/** Value sizes of the CONNACK properties (§2.2.2.2) that are not length-prefixed. */
const fixedBytes: Readonly<Record<number, number>> = {
  17: 4,
  19: 2,
  33: 2,
  34: 2,
  36: 1,
  37: 1,
  39: 4,
  40: 1,
  41: 1,
  42: 1,
};
const receiveMaximumId = 33;
const userPropertyId = 38;

function findReceiveMaximum(bytes: Buffer, lengthAt: number): number {
  const [length, from] = varint(bytes, lengthAt);
  let at = from;
  while (at < from + length) {
    const id = bytes[at++] as number;
    if (id === receiveMaximumId) return bytes.readUInt16BE(at);
    const strings = id === userPropertyId ? 2 : 1;
    const fixed = fixedBytes[id];
    if (fixed !== undefined) at += fixed;
    else for (let index = 0; index < strings; index++) at += 2 + bytes.readUInt16BE(at);
  }
  return 65_535;
}
