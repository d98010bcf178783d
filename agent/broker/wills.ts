import { encodeBody, type MessageProperties } from '#codec';

/** A will as its client gave it. */
export interface Will {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  /** As the ring stores it. */
  readonly body: Uint8Array;
  /** The broker that took it: aedes' name for one run. */
  readonly brokerId: string;
}

const formatVersion = 1;
const text = new TextDecoder();

/** `version | head length (u32) | head (JSON) | body`: the value of `will/<client id>`. */
export function encodeWill(will: Will): Uint8Array {
  const { topic, qos, retain, brokerId, body } = will;
  const head = Buffer.from(JSON.stringify({ topic, qos, retain, brokerId }));
  const bytes = Buffer.alloc(5 + head.length + body.length);
  bytes[0] = formatVersion;
  bytes.writeUInt32BE(head.length, 1);
  bytes.set(head, 5);
  bytes.set(body, 5 + head.length);
  return bytes;
}

/** Null: none of ours. */
export function decodeWill(bytes: Uint8Array): Will | null {
  try {
    if (bytes[0] !== formatVersion) return null;
    const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(1);
    const head: Record<string, unknown> = JSON.parse(text.decode(bytes.subarray(5, 5 + length)));
    const qos = head['qos'] === 2 ? 2 : head['qos'] === 1 ? 1 : 0;
    const body = Uint8Array.from(bytes.subarray(5 + length));
    return {
      topic: String(head['topic']),
      qos,
      retain: head['retain'] === true,
      brokerId: String(head['brokerId']),
      body,
    };
  } catch {
    return null;
  }
}

/** The PUBLISH properties as mqtt-packet names them. */
export interface PacketProperties {
  readonly payloadFormatIndicator?: boolean | undefined;
  readonly messageExpiryInterval?: number | undefined;
  readonly contentType?: string | undefined;
  readonly responseTopic?: string | undefined;
  readonly correlationData?: Uint8Array | undefined;
  readonly userProperties?: Readonly<Record<string, string | readonly string[]>> | undefined;
}

export function bodyOf(payload: Uint8Array, properties: PacketProperties | undefined): Uint8Array {
  return encodeBody(properties === undefined ? {} : messageProperties(properties), payload);
}

function messageProperties(from: PacketProperties): MessageProperties {
  const pairs = Object.entries(from.userProperties ?? {}).flatMap(([name, value]) =>
    (typeof value === 'string' ? [value] : value).map((each) => [name, each] as const),
  );
  return {
    ...(from.payloadFormatIndicator === undefined ? {} : { payloadFormatIndicator: from.payloadFormatIndicator }),
    ...(from.messageExpiryInterval === undefined ? {} : { messageExpiryInterval: from.messageExpiryInterval }),
    ...(from.contentType === undefined ? {} : { contentType: from.contentType }),
    ...(from.responseTopic === undefined ? {} : { responseTopic: from.responseTopic }),
    ...(from.correlationData === undefined ? {} : { correlationData: from.correlationData }),
    ...(pairs.length === 0 ? {} : { userProperties: pairs }),
  };
}
