export type { Field, HiddenField, Sample, ShownField } from './field.ts';
export {
  bytes,
  constant,
  hex,
  hexSizedBy,
  lengthOf,
  reserved,
  rest,
  sizedBy,
  u8,
  u16,
  u32,
  u64,
  within,
} from './field.ts';
export type { Explained, Shape } from './layout.ts';
export { Layout, layout } from './layout.ts';
export type { MessageProperties, PropertyScan, Publication } from './publication.ts';
export {
  decodeBody,
  encodeBody,
  lifeOf,
  payloadOffset,
  readVarint,
  scanProperties,
  varintLength,
  writeVarint,
} from './publication.ts';
export { isRefusal, Refusal } from './refusal.ts';
