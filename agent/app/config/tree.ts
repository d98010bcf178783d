import type * as z from 'zod';

/** How the schema is walked for suggestions, variables, docs: zod's own introspection, in one place. */

interface Walkable {
  readonly def: { readonly type: string; readonly [key: string]: unknown };
}

export interface Meta {
  readonly description?: string;
  readonly words?: string;
  readonly later?: boolean;
}

/** The schema without its wrappers (default, optional, transform). */
export function core(schema: z.ZodType): z.ZodType {
  const def = (schema as unknown as Walkable).def;
  const inner = def['innerType'] ?? def['in'];
  return inner === undefined ? schema : core(inner as z.ZodType);
}

export const kindOf = (schema: z.ZodType): string => (core(schema) as unknown as Walkable).def.type;

/** The keys of a table and their schemas; empty for anything else. */
export function keysOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> {
  const inner = core(schema) as unknown as { readonly shape?: Record<string, z.ZodType> };
  return inner.shape ?? {};
}

export function elementOf(schema: z.ZodType): z.ZodType | undefined {
  const inner = core(schema) as unknown as { readonly element?: z.ZodType };
  return inner.element;
}

/** What stands at a path of the schema; numbers step into list elements. */
export function schemaAt(root: z.ZodType, path: readonly PropertyKey[]): z.ZodType | undefined {
  return path.reduce<z.ZodType | undefined>((at, part) => {
    if (at === undefined) return undefined;
    return typeof part === 'number' ? elementOf(at) : keysOf(at)[String(part)];
  }, root);
}

/** All metadata on the way from the outermost wrapper inwards; the outer wins. */
export function metaOf(schema: z.ZodType): Meta {
  const def = (schema as unknown as Walkable).def;
  const inner = def['innerType'] ?? def['in'];
  const below = inner === undefined ? {} : metaOf(inner as z.ZodType);
  return { ...below, ...(schema.meta() as Meta | undefined) };
}

/** The default as a person would write it, or undefined. */
export function defaultOf(schema: z.ZodType): unknown {
  const def = (schema as unknown as Walkable).def;
  if (def.type === 'prefault' || def.type === 'default') return def['defaultValue'];
  const inner = def['innerType'] ?? def['in'];
  return inner === undefined ? undefined : defaultOf(inner as z.ZodType);
}
