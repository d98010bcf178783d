import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

/**
 * Mends package-lock.json after a change of dependencies: `node scripts/lock.ts`; with `--check` it only looks (exit code 1:
 * stale). Two things about optional packages:
 *
 * - A registry that lacks some platform's build makes npm leave it out, and `npm ci` then refuses the whole file. An entry is put
 *   in its place, with platform and version but no integrity, so that it is neither fetched nor missed on Linux.
 * - npm passes over one whose `engines` do not fit the Node that npm runs on, which is the machine's and not ours: `engines` go.
 */
interface Entry {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  engines?: unknown;
  optionalDependencies?: Record<string, string>;
}

interface Lock {
  packages: Record<string, Entry>;
}

const path = new URL('../package-lock.json', import.meta.url);
const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const lock = JSON.parse(readFileSync(path, 'utf8')) as Lock;
const mended = [...complete(lock.packages), ...freeOfEngines(lock.packages)];

if (mended.length > 0 && values.check) {
  console.error(`lock: stale for ${mended.join(', ')}; mend it with: node scripts/lock.ts`);
  process.exitCode = 1;
} else if (mended.length > 0) {
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
  console.log(`lock: mended ${mended.length} entries`);
}

function complete(packages: Record<string, Entry>): string[] {
  const added: string[] = [];
  for (const [parent, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const key = `node_modules/${name}`;
      if (key in packages || `${parent}/${key}` in packages || !/^\d/.test(version)) continue;
      packages[key] = { version, ...platformOf(name), ...(entry.dev === true ? { dev: true } : {}), optional: true };
      added.push(name);
    }
  }
  return added;
}

function freeOfEngines(packages: Record<string, Entry>): string[] {
  const found = Object.entries(packages).filter(([, entry]) => entry.optional === true && entry.engines !== undefined);
  for (const [, entry] of found) delete entry.engines;
  return found.map(([name]) => name);
}

/** `@x/cli-linux-x64-musl` says what its package.json would say. */
function platformOf(name: string): Pick<Entry, 'os' | 'cpu' | 'libc'> {
  const match = /-(android|darwin|freebsd|linux|openharmony|win32)-([a-z0-9]+)(?:-([a-z]+))?$/.exec(name);
  const [, os, cpu, abi] = match ?? [];
  if (os === undefined || cpu === undefined)
    throw new Error(`${name}: no platform in the name, wanted os-cpu at its end`);
  const libc = abi === undefined || os !== 'linux' ? undefined : abi.startsWith('musl') ? 'musl' : 'glibc';
  return { os: [os], cpu: [cpu], ...(libc === undefined ? {} : { libc: [libc] }) };
}
