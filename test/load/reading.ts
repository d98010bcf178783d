import { lengthBytes, packetType, string, type Version } from './packets.ts';

/**
 * A reading's payload. 16 bytes and padding.
 *
 *   publisher u32 | counter u32 (1, 2, 3 …) | sent at f64 (ms, this process's performance.now) | padding
 */
export const readingBytes = 16;

/** The bytes of one publisher's PUBLISH, made once; a send copies them and fills in what changes. */
export class PublishTemplate {
  readonly bytes: Buffer;
  readonly #qos: 0 | 1 | 2;
  readonly #idAt: number;
  readonly #payloadAt: number;

  constructor(version: Version, topic: string, qos: 0 | 1 | 2, publisher: number, payloadBytes: number) {
    const properties = version === 5 ? [0] : [];
    const head = [...string(topic), ...(qos > 0 ? [0, 0] : []), ...properties];
    const length = lengthBytes(head.length + payloadBytes);
    this.#qos = qos;
    this.#idAt = 1 + length.length + 2 + Buffer.byteLength(topic);
    this.#payloadAt = 1 + length.length + head.length;
    const padding = Buffer.alloc(payloadBytes, '.');
    this.bytes = Buffer.concat([Buffer.from([packetType.publish | (qos << 1), ...length, ...head]), padding]);
    this.bytes.writeUInt32LE(publisher, this.#payloadAt);
  }

  write(into: Buffer, at: number, packetId: number, dup: boolean, counter: number, sentAtMs: number): void {
    into.set(this.bytes, at);
    if (dup) into[at] = (into[at] as number) | 0x08;
    if (this.#qos > 0) into.writeUInt16BE(packetId, at + this.#idAt);
    into.writeUInt32LE(counter, at + this.#payloadAt + 4);
    into.writeDoubleLE(sentAtMs, at + this.#payloadAt + 8);
  }
}
