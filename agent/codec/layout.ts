import { assert, hexOf } from '#kernel';
import type { Context, Field, HiddenField } from './field.ts';
import { Refusal } from './refusal.ts';

export type Fields = Readonly<Record<string, Field<unknown>>>;

/** The object that a table of fields decodes to. */
export type Shape<F> = {
  readonly [K in keyof F as F[K] extends HiddenField<unknown> ? never : K]: F[K] extends Field<infer T> ? T : never;
};

/** One row of a packet dump. */
export interface Explained {
  readonly offset: number;
  readonly size: number;
  readonly name: string;
  readonly type: string;
  readonly hex: string;
  readonly text: string;
}

interface Row {
  readonly name: string;
  readonly field: Field<unknown>;
}

type Values = Record<string, unknown>;

/**
 * A byte layout from a table of fields in order. Decoding never throws and never reads beyond its input; what it
 * returns shares memory with the input. Encoding asserts that the values fit: they are ours.
 */
export class Layout<T extends object> {
  readonly name: string;
  readonly rows: readonly Row[];

  constructor(name: string, fields: Readonly<Record<string, Field<unknown>>>) {
    this.name = name;
    this.rows = Object.entries(fields).map(([key, field]) => ({ name: key, field }));
  }

  /** Decodes all of `from`; a byte too few or too many is refused. */
  decode(from: Uint8Array): T | Refusal {
    const values: Values = {};
    const end = this.#read(from, values, null);
    if (end instanceof Refusal) return end;
    if (end !== from.length) {
      return new Refusal(this.name, 'end', end, `${from.length - end} more bytes`, 'the end');
    }
    return values as T;
  }

  size(value: T): number {
    const context = contextOf(value as Values);
    let size = 0;
    for (const { name, field } of this.rows) size += field.sizeToWrite((value as Values)[name], context);
    return size;
  }

  /** Writes at `at` and returns the position behind. */
  encodeInto(value: T, into: Uint8Array, at: number): number {
    const context = contextOf(value as Values);
    let position = at;
    for (const { name, field } of this.rows) {
      const one = (value as Values)[name];
      const size = field.sizeToWrite(one, context);
      assert(position + size <= into.length, `${this.name}.${name}: no room at ${position} of ${into.length}`);
      field.write(into, position, one, context);
      position += size;
    }
    return position;
  }

  encode(value: T): Uint8Array {
    const into = Buffer.allocUnsafe(this.size(value));
    this.encodeInto(value, into, 0);
    return into;
  }

  /** Field by field, as far as the bytes go; a refusal is the last row. */
  explain(from: Uint8Array): readonly Explained[] {
    const explained: Explained[] = [];
    const end = this.#read(from, {}, explained);
    if (end instanceof Refusal) explained.push(explainRefusal(end, from));
    else if (end < from.length) {
      const more = new Refusal(this.name, 'end', end, `${from.length - end} more bytes`, 'the end');
      explained.push(explainRefusal(more, from));
    }
    return explained;
  }

  #read(from: Uint8Array, values: Values, explained: Explained[] | null): number | Refusal {
    const hidden: Values = {};
    const context: Context = (name) => values[name] ?? hidden[name];
    let at = 0;
    for (const { name, field } of this.rows) {
      const left = from.length - at;
      const size = field.sizeToRead(context, left);
      if (size > left) return new Refusal(this.name, name, at, `${left} bytes left`, `${size}`);
      const value = field.read(from, at, size);
      const wanted = field.wanted(value);
      explained?.push({
        offset: at,
        size,
        name,
        type: field.type,
        hex: hexOf(from, at, at + size),
        text: field.show(value),
      });
      if (wanted !== null) return new Refusal(this.name, name, at, field.show(value), wanted);
      if (field.hidden) hidden[name] = value;
      else values[name] = value;
      at += size;
    }
    return at;
  }
}

const contextOf =
  (values: Values): Context =>
  (name) =>
    values[name];

function explainRefusal(refusal: Refusal, from: Uint8Array): Explained {
  return {
    offset: refusal.offset,
    size: from.length - refusal.offset,
    name: refusal.field,
    type: 'refused',
    hex: hexOf(from, refusal.offset),
    text: `${refusal.found}, wanted ${refusal.wanted}`,
  };
}

/** Makes a layout; the type of its values follows from the table. */
export function layout<const F extends Fields>(name: string, fields: F): Layout<Shape<F>> {
  return new Layout<Shape<F>>(name, fields);
}
