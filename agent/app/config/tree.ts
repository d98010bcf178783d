import * as z from 'zod/mini';

/** How the schema is walked for suggestions, variables, docs: zod's own introspection, in one place. */

interface Walkable {
  readonly type: string;
  readonly [key: string]: unknown;
}

const defOf = (schema: z.core.$ZodType): Walkable => schema._zod.def as unknown as Walkable;

export interface Meta {
  readonly description?: string;
  readonly words?: string;
  /** As TOML. */
  readonly example?: string;
  readonly later?: boolean;
}

/** The schema without its wrappers (default, optional, transform). */
export function core(schema: z.core.$ZodType): z.core.$ZodType {
  const def = defOf(schema);
  const inner = def['innerType'] ?? def['in'];
  return inner === undefined ? schema : core(inner as z.core.$ZodType);
}

export const kindOf = (schema: z.core.$ZodType): string => defOf(core(schema)).type;

/** The keys of a table and their schemas; empty for anything else. */
export function keysOf(schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> {
  return (defOf(core(schema))['shape'] as Record<string, z.core.$ZodType> | undefined) ?? {};
}

export function elementOf(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  return defOf(core(schema))['element'] as z.core.$ZodType | undefined;
}

/** What stands at a path of the schema; numbers step into list elements. */
export function schemaAt(root: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType | undefined {
  return path.reduce<z.core.$ZodType | undefined>((at, part) => {
    if (at === undefined) return undefined;
    return typeof part === 'number' ? elementOf(at) : keysOf(at)[String(part)];
  }, root);
}

/** All metadata on the way from the outermost wrapper inwards; the outer wins. */
export function metaOf(schema: z.core.$ZodType): Meta {
  const def = defOf(schema);
  const inner = def['innerType'] ?? def['in'];
  const below = inner === undefined ? {} : metaOf(inner as z.core.$ZodType);
  return { ...below, ...(z.globalRegistry.get(schema) as Meta | undefined) };
}

/** The default as a person would write it, or undefined. */
export function defaultOf(schema: z.core.$ZodType): unknown {
  const def = defOf(schema);
  if (def.type === 'prefault' || def.type === 'default') return def['defaultValue'];
  const inner = def['innerType'] ?? def['in'];
  return inner === undefined ? undefined : defaultOf(inner as z.core.$ZodType);
}
