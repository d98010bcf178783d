import fc from 'fast-check';
import type { Layout, Sample } from '#codec';

/** Random valid values of a layout, made from its table. */
export function valuesOf<T extends object>(layout: Layout<T>): fc.Arbitrary<T> {
  let made: fc.Arbitrary<Record<string, unknown>> = fc.constant({});
  for (const { name, field } of layout.rows) {
    if (field.hidden) continue;
    made = made.chain((values) => sampleOf(field.sample, values).map((value) => ({ ...values, [name]: value })));
  }
  return made as unknown as fc.Arbitrary<T>;
}

function sampleOf(sample: Sample, values: Readonly<Record<string, unknown>>): fc.Arbitrary<unknown> {
  if (sample.kind === 'none') return fc.constant(undefined);
  if (sample.kind === 'integer') return fc.integer({ min: sample.min, max: sample.max });
  const size = sample.sizeIn((name) => values[name]);
  const maxLength = size ?? Math.min(sample.maxBytes, 255);
  const bytes = fc.uint8Array({ minLength: size ?? 0, maxLength });
  return sample.kind === 'hex' ? bytes.map((value) => Buffer.from(value).toString('hex')) : bytes;
}
