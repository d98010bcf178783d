import * as z from 'zod/mini';
import { type Duration, type Endpoint, isTopicFilter, isTopicName, milliseconds, parsePublicKey } from '#kernel';

/** A configuration is read once a start: compiling its checks costs more than running them (5 against 8 ms). */
z.config({ jitless: true });

/** The kinds of value a setting can have, each parsed from what a person writes. The message of an issue is what was wanted. */

/** Puts documentation on a kind made for it alone. */
function noted<T extends z.ZodMiniType>(kind: T, notes: { readonly [note: string]: unknown }): T {
  z.globalRegistry.add(kind, { ...z.globalRegistry.get(kind), ...notes });
  return kind;
}

/** What a kind is called in the documentation. */
export const worded = <T extends z.ZodMiniType>(words: string, kind: T): T => noted(kind, { words });

/** The example, as TOML, is for a setting that has no default to show. */
export const required = <T extends z.ZodMiniType>(doc: string, kind: T, example?: string): T =>
  noted(kind, { description: doc, ...(example === undefined ? {} : { example }) });

export const optional = <T extends z.ZodMiniType>(doc: string, kind: T, example: string) =>
  required(doc, z.optional(kind), example);

/** A setting that has a default, given as a person would write it. */
export const preset = <T extends z.ZodMiniType>(doc: string, kind: T, fallback: z.input<T>) =>
  required(doc, z.prefault(kind, fallback as never));

/** Refuses by name what a later version brings. */
export const notYet = (what: string) => `${what} is not in this version`;

const sizeUnits: Readonly<Record<string, number>> = { b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };
const spanUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  min: 60_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `"512MB"`: bytes; units of 1024, as the ring counts them. */
export function size(limits: { readonly least: string; readonly most: string }) {
  const wanted = `a size from "${limits.least}" to "${limits.most}"`;
  const least = parseSize(limits.least) ?? 0;
  const most = parseSize(limits.most) ?? Number.MAX_SAFE_INTEGER;
  return text('size', wanted, (written) => {
    const bytes = parseSize(written);
    return bytes !== null && bytes >= least && bytes <= most ? bytes : null;
  });
}

function parseSize(written: string): number | null {
  const match = /^(\d+(?:\.\d+)?) ?(?:([kmg])(?:i?b)?|b)$/i.exec(written);
  if (match === null) return null;
  return Math.round(Number(match[1]) * (sizeUnits[(match[2] ?? 'b').toLowerCase()] ?? 1));
}

/** `"64KB/s"`, `"1GB/day"`, or both: `"64KB/s, 1GB/day"`. */
export const transitLimit = () =>
  text('rate', 'bytes a second, a day or both, such as "64KB/s" or "64KB/s, 1GB/day"', (written) => {
    const limit: { bytesPerSecond: number | null; bytesPerDay: number | null } = {
      bytesPerSecond: null,
      bytesPerDay: null,
    };
    for (const part of written.split(',')) {
      const match = /^ ?(.+) ?\/ ?(s|day)$/.exec(part);
      const bytes = parseSize(match?.[1]?.trim() ?? '');
      const per = match?.[2] === 'day' ? 'bytesPerDay' : 'bytesPerSecond';
      if (bytes === null || bytes < 1 || limit[per] !== null) return null;
      limit[per] = bytes;
    }
    return limit;
  });

/** `"2GB/day"`, in bytes. */
export const dayRate = () =>
  text('rate', 'bytes a day, such as "2GB/day"', (written) => {
    const match = /^(.+?) ?\/ ?day$/.exec(written);
    const bytes = parseSize(match?.[1] ?? '');
    return bytes === null || bytes < 1024 ** 2 ? null : bytes;
  });

/** `"7d"`, `"5ms"`, `"1h"`. */
export function parseSpan(written: string): Duration | null {
  const match = /^(\d+(?:\.\d+)?) ?(ms|s|min|m|h|d|w)$/.exec(written);
  return match === null ? null : milliseconds(Number(match[1]) * (spanUnits[match[2] ?? 'ms'] ?? 1));
}

export function span(limits: { readonly least: string; readonly most: string }) {
  const wanted = `a span from "${limits.least}" to "${limits.most}", such as "90min" or "7d"`;
  const least = parseSpan(limits.least) ?? 0;
  const most = parseSpan(limits.most) ?? Number.MAX_SAFE_INTEGER;
  return text('span', wanted, (written) => {
    const found = parseSpan(written);
    return found !== null && found >= least && found <= most ? found : null;
  });
}

/** How long a commit may gather: `"now"` (0) or a span. */
export const commitWindow = () =>
  text('"now" or span', '"now" or a span up to "1s", such as "5ms"', (written) => {
    if (written === 'now') return milliseconds(0);
    const span = parseSpan(written);
    return span !== null && span <= 1000 ? span : null;
  });

/** An address with its scheme, `tcp://[::]:9651`. `later` names schemes that are known and not there yet. */
export function url(scheme: string, later: readonly string[], example: string) {
  const wanted = `an address such as "${example}"`;
  return worded(
    'address',
    parsed(wanted, (written, context): Endpoint => {
      const match = /^([a-z]+):\/\/(?:\[([0-9a-f:.]+)\]|([^\s:/?#[\]]+)):(\d{1,5})\/?$/i.exec(written);
      const found = match?.[1]?.toLowerCase() ?? '';
      const host = match?.[2] ?? match?.[3] ?? '';
      const port = Number(match?.[4]);
      if (later.includes(found)) return refuse(context, `${scheme}:// (${notYet(`${found}://`)})`);
      if (found !== scheme || port > 65_535) return refuse(context, wanted);
      return { host: host.toLowerCase(), port };
    }),
  );
}

export const publicKey = () => text('public key', 'a public key of 64 hex digits', parsePublicKey);

/** A name that can stand in a topic, in a path and on a command line. */
export const isName = (written: string): boolean => /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(written);
export const name = () =>
  text('name', 'a name of letters, digits, ".", "_" and "-" (64 at most)', (written) =>
    isName(written) ? written : null,
  );

export const topicFilter = () =>
  text('topic filter', 'a topic filter such as "plant/#"', (written) => (isTopicFilter(written) ? written : null));

/** What is put in front of a topic: a topic name, or nothing. */
export const topicPrefix = () =>
  text('topic prefix', 'the beginning of a topic, such as "gateway-7/"', (written) =>
    written === '' || isTopicName(written) ? written : null,
  );

export const flag = () => worded('true or false', z.boolean({ error: 'true or false' }));

export function whole(least: number, most: number) {
  const wanted = `a whole number from ${least} to ${most}`;
  const error = { error: wanted };
  return worded(wanted, z.int(error).check(z.minimum(least, error), z.maximum(most, error)));
}

/** One of some words; `later` names those that are known and not there yet. */
export function choice<const T extends string>(words: readonly [T, ...T[]], later: readonly string[] = []) {
  const wanted = words.map((word) => `"${word}"`).join(' or ');
  return worded(
    wanted,
    parsed(wanted, (written, context): T => {
      const word = words.find((candidate) => candidate === written);
      if (word !== undefined) return word;
      return refuse(context, later.includes(written) ? `${wanted} (${notYet(`"${written}"`)})` : wanted);
    }),
  );
}

export function list<T extends z.core.SomeType>(of: T, wanted: string) {
  return z.array(of, { error: wanted }).check(z.maxLength(1000, { error: 'at most 1000 entries' }));
}

/** A setting or section of CONTRACT.md whose room does not exist yet. Whatever stands there is refused. */
export function later(what: string) {
  const nothing = z.transform((found: unknown, context) => {
    if (found !== undefined) refuse(context, `nothing (${notYet(what)})`);
    return undefined;
  });
  return noted(z.optional(z.pipe(z.unknown(), nothing)), { later: true });
}

export function text<T>(words: string, wanted: string, parse: (written: string) => T | null) {
  return worded(
    words,
    parsed(wanted, (written, context): T => parse(written) ?? refuse(context, wanted)),
  );
}

function parsed<T>(wanted: string, parse: (written: string, context: Refusal) => T) {
  return z.pipe(z.string({ error: wanted }), z.transform(parse));
}

type Refusal = Pick<z.core.ParsePayload, 'value' | 'issues'>;

export function refuse(context: Refusal, wanted: string): never {
  context.issues.push({ code: 'custom', message: wanted, input: context.value });
  return z.NEVER;
}
