import {
  constant,
  hex,
  hexSizedBy,
  type Layout,
  layout,
  lengthOf,
  Refusal,
  reserved,
  sizedBy,
  u8,
  u16,
  within,
} from '#codec';
import { frameHeader, frameHeaderBytes, frameType } from './frame.ts';

/** Router id: public key (32), zone (2, zero), random (6, new at each start), as hex text. WIRE.md §1. */
export const routerIdBytes = 40;

const bytesOfPrefix = (bits: number): number => Math.ceil(bits / 8);
const prefixBits = within(u8, 0, 128);

/** Control packet around one TLV. RFC 8966 §4.2, §4.3; Mycelium 0.7.10. 6 bytes and the TLV body. */
export const controlPacket = layout('control', {
  magic: constant(u8, 42),
  version: constant(u8, 3),
  length: u16,
  type: u8,
  bodyLength: lengthOf('body', u8),
  body: sizedBy('bodyLength'),
});

/** Hello. RFC 8966 §4.6.5; Mycelium 0.7.10. 6 bytes. flags 0x8000: unicast; interval in centiseconds. */
export const helloBody = layout('hello', { flags: u16, seqno: u16, interval: u16 });

const bytesOfEncoding = (encoding: number): number => [0, 4, 16, 8][encoding] ?? 0;

/**
 * IHU. RFC 8966 §4.6.6; Mycelium 0.7.10. 6 bytes and an address: address encoding 0 none, 1 IPv4, 2 IPv6, 3 link-local
 * (8 bytes). rxCost is the sender's own link cost; interval in centiseconds.
 */
export const ihuBody = layout('ihu', {
  addressEncoding: within(u8, 0, 3),
  reserved: reserved(1),
  rxCost: u16,
  interval: u16,
  address: hexSizedBy('addressEncoding', bytesOfEncoding),
});

/** Update. RFC 8966 §4.6.9; Mycelium 0.7.10. 10 bytes, prefix, router id. interval in centiseconds; metric 0xffff: retracted. */
export const updateBody = layout('update', {
  addressEncoding: u8,
  flags: u8,
  prefixLength: prefixBits,
  reserved: reserved(1),
  interval: u16,
  seqno: u16,
  metric: u16,
  prefix: hexSizedBy('prefixLength', bytesOfPrefix),
  routerId: hex(routerIdBytes),
});

/** Route request. RFC 8966 §4.6.10 with a generation; Mycelium 0.7.10. 3 bytes and the prefix. Encoding 0, length 0: the full table. */
export const routeRequestBody = layout('route-request', {
  generation: u8,
  addressEncoding: u8,
  prefixLength: prefixBits,
  prefix: hexSizedBy('prefixLength', bytesOfPrefix),
});

/** Seqno request. RFC 8966 §4.6.11; Mycelium 0.7.10. 46 bytes and the prefix. hopCount is 64 at the origin and never 0. */
export const seqnoRequestBody = layout('seqno-request', {
  addressEncoding: u8,
  prefixLength: prefixBits,
  seqno: u16,
  hopCount: within(u8, 1, 255),
  reserved: reserved(1),
  routerId: hex(routerIdBytes),
  prefix: hexSizedBy('prefixLength', bytesOfPrefix),
});

const bodies = {
  hello: helloBody,
  ihu: ihuBody,
  update: updateBody,
  'route-request': routeRequestBody,
  'seqno-request': seqnoRequestBody,
} as const;

type Body<T extends Layout<object>> = T extends Layout<infer B> ? B : never;

export type ControlKind = keyof typeof bodies;

/** TLV types. WIRE.md §3.2. */
const typeOf: Readonly<Record<ControlKind, number>> = {
  hello: 4,
  ihu: 5,
  update: 8,
  'route-request': 9,
  'seqno-request': 10,
};

const kindOf = new Map(Object.entries(typeOf).map(([kind, type]) => [type, kind as ControlKind]));

export type Hello = { readonly kind: 'hello' } & Body<typeof helloBody>;
export type Ihu = { readonly kind: 'ihu' } & Body<typeof ihuBody>;
export type Update = { readonly kind: 'update' } & Body<typeof updateBody>;
export type RouteRequest = { readonly kind: 'route-request' } & Body<typeof routeRequestBody>;
export type SeqnoRequest = { readonly kind: 'seqno-request' } & Body<typeof seqnoRequestBody>;
export type Control = Hello | Ihu | Update | RouteRequest | SeqnoRequest;

/** A whole frame: frame header, control packet, TLV. */
export function encodeControl(control: Control): Uint8Array {
  const body = bodyLayout(control.kind).encode(control);
  const packet = { length: body.length + 2, type: typeOf[control.kind], body };
  const into = Buffer.allocUnsafe(frameHeaderBytes + controlPacket.size(packet));
  frameHeader.encodeInto({ type: frameType.control }, into, 0);
  controlPacket.encodeInto(packet, into, frameHeaderBytes);
  return into;
}

/** Decodes a control packet without its frame header. `unknown`: a TLV that is to be skipped. */
export function decodeControl(packet: Uint8Array): Control | Refusal | 'unknown' {
  const outer = controlPacket.decode(packet);
  if (outer instanceof Refusal) return outer;
  const kind = kindOf.get(outer.type);
  if (kind === undefined) return 'unknown';
  const body = bodyLayout(kind).decode(outer.body);
  return body instanceof Refusal ? body : ({ kind, ...body } as Control);
}

/** The table of a TLV, by its type on the wire: for the packet dump. */
export function layoutOfType(type: number): Layout<object> | null {
  const kind = kindOf.get(type);
  return kind === undefined ? null : bodyLayout(kind);
}

function bodyLayout(kind: ControlKind): Layout<object> {
  return bodies[kind] as unknown as Layout<object>;
}
