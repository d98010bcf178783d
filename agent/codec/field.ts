import { assert, bufferOver, hexOf } from '#kernel';

/** What has been decoded (or is to be encoded) of a layout so far, by field name. */
export type Context = (name: string) => unknown;

/** How a test makes random valid values for a field. */
export type Sample =
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'bytes' | 'hex'; readonly sizeIn: (context: Context) => number | null; readonly maxBytes: number }
  | { readonly kind: 'none' };

/** One row of a layout. All integers are big endian. */
export interface Field<T> {
  /** As the packet dump shows it: `u16`, `bytes(6)`. */
  readonly type: string;
  /** In the decoded object? Constants, padding and lengths are not. */
  readonly hidden: boolean;
  /** Bytes of the field at this place of a buffer with `left` bytes to go. */
  sizeToRead(context: Context, left: number): number;
  sizeToWrite(value: T, context: Context): number;
  read(from: Uint8Array, at: number, size: number): T;
  write(into: Uint8Array, at: number, value: T, context: Context): void;
  /** Null, or what was wanted instead of this value. */
  wanted(value: T): string | null;
  show(value: T): string;
  readonly sample: Sample;
}

export interface HiddenField<T> extends Field<T> {
  readonly hidden: true;
}

export interface ShownField<T> extends Field<T> {
  readonly hidden: false;
}

function readInteger(from: Uint8Array, at: number, size: number): number {
  let value = 0;
  for (let index = 0; index < size; index++) value = value * 256 + (from[at + index] ?? 0);
  return value;
}

function writeInteger(into: Uint8Array, at: number, size: number, value: number): void {
  let rest = value;
  for (let index = size - 1; index >= 0; index--) {
    into[at + index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

function integer(size: number): ShownField<number> {
  const max = size === 8 ? Number.MAX_SAFE_INTEGER : 256 ** size - 1;
  return {
    type: `u${size * 8}`,
    hidden: false,
    sizeToRead: () => size,
    sizeToWrite: () => size,
    read: readInteger,
    write: (into, at, value) => {
      assert(Number.isInteger(value) && value >= 0 && value <= max, `${value} does not fit ${size} bytes`);
      writeInteger(into, at, size, value);
    },
    wanted: (value) => (value > max ? 'at most 2^53 - 1' : null),
    show: String,
    sample: { kind: 'integer', min: 0, max },
  };
}

export const u8: ShownField<number> = integer(1);
export const u16: ShownField<number> = integer(2);
export const u32: ShownField<number> = integer(4);
/** Values above 2^53 − 1 are refused. */
export const u64: ShownField<number> = integer(8);

/** An integer that a decoder refuses outside `min`…`max`. */
export function within(field: ShownField<number>, min: number, max: number): ShownField<number> {
  return {
    ...field,
    wanted: (value) => (value < min || value > max ? `${min} to ${max}` : null),
    sample: { kind: 'integer', min, max },
  };
}

/** Always this value; anything else is refused. */
export function constant(field: ShownField<number>, value: number): HiddenField<number> {
  return {
    ...field,
    hidden: true,
    write: (into, at, _value, context) => field.write(into, at, value, context),
    wanted: (found) => (found === value ? null : String(value)),
    sample: { kind: 'none' },
  };
}

/** Written as zeros, not looked at. */
export function reserved(size: number): HiddenField<number> {
  return {
    ...integer(size),
    type: `reserved(${size})`,
    hidden: true,
    write: (into, at) => into.fill(0, at, at + size),
    wanted: () => null,
    sample: { kind: 'none' },
  };
}

/** The byte count of the later field `name`, which is made with `sizedBy`. */
export function lengthOf(name: string, field: ShownField<number>): HiddenField<number> {
  return {
    ...field,
    hidden: true,
    write: (into, at, _value, context) => field.write(into, at, byteCount(context(name)), context),
    sample: { kind: 'none' },
  };
}

function byteCount(value: unknown): number {
  if (value instanceof Uint8Array) return value.length;
  return typeof value === 'string' ? value.length / 2 : 0;
}

const nothing: Context = () => undefined;

function stretch<T>(
  type: string,
  kind: 'bytes' | 'hex',
  sizeIn: (context: Context) => number | null,
  codec: {
    readonly read: (from: Uint8Array, start: number, end: number) => T;
    readonly write: (into: Uint8Array, at: number, value: T) => void;
    readonly show: (value: T) => string;
  },
  maxBytes = 4096,
): ShownField<T> {
  return {
    type,
    hidden: false,
    sizeToRead: (context, left) => sizeIn(context) ?? left,
    sizeToWrite: (value, context) => {
      const size = byteCount(value);
      const wanted = sizeIn(context);
      assert(wanted === null || wanted === size, `${type}: ${size} bytes, wanted ${wanted}`);
      return size;
    },
    read: (from, at, size) => codec.read(from, at, at + size),
    write: codec.write,
    wanted: () => null,
    show: codec.show,
    sample: { kind, sizeIn, maxBytes: sizeIn(nothing) ?? maxBytes },
  };
}

const rawBytes = {
  read: (from: Uint8Array, start: number, end: number): Uint8Array => from.subarray(start, end),
  write: (into: Uint8Array, at: number, value: Uint8Array): void => into.set(value, at),
  show: (value: Uint8Array): string => hexOf(value),
};

const hexText = <T extends string>() => ({
  read: (from: Uint8Array, start: number, end: number): T => hexOf(from, start, end) as T,
  write: (into: Uint8Array, at: number, value: T): void => {
    bufferOver(into).write(value, at, 'hex');
  },
  show: (value: T): string => value,
});

/** `size` bytes; decoded as a view of the input, not a copy. */
export const bytes = (size: number): ShownField<Uint8Array> => stretch(`bytes(${size})`, 'bytes', () => size, rawBytes);

/** All that is left. */
export const rest = (maxBytes = 4096): ShownField<Uint8Array> =>
  stretch('bytes(rest)', 'bytes', () => null, rawBytes, maxBytes);

/** `size` bytes as lower-case hex text, for keys and addresses. */
export const hex = <T extends string = string>(size: number): ShownField<T> =>
  stretch<T>(`hex(${size})`, 'hex', () => size, hexText<T>());

/** As many bytes as the earlier field `name` says; `bytesFor` turns its value into a byte count (default: the value). */
export const sizedBy = (name: string, bytesFor: (value: number) => number = Number): ShownField<Uint8Array> =>
  stretch(`bytes(${name})`, 'bytes', sizeFrom(name, bytesFor), rawBytes);

/** Like `sizedBy`, as lower-case hex text. */
export const hexSizedBy = <T extends string = string>(
  name: string,
  bytesFor: (value: number) => number = Number,
): ShownField<T> => stretch<T>(`hex(${name})`, 'hex', sizeFrom(name, bytesFor), hexText<T>());

function sizeFrom(name: string, bytesFor: (value: number) => number): (context: Context) => number | null {
  return (context) => {
    const value = context(name);
    return typeof value === 'number' ? bytesFor(value) : null;
  };
}
