import { readdirSync } from 'node:fs';

/** `npm run bench -- NAME…` runs scripts/bench/NAME.ts, one after the other. */
const directory = new URL('./bench/', import.meta.url);
const known = readdirSync(directory)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -'.ts'.length));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !known.includes(name));

if (wanted.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`bench: found ${unknown.join(', ')}, wanted some of ${known.join(', ')}`);
  else console.error(`usage: npm run bench -- NAME…   names: ${known.join(', ')}`);
  process.exit(2);
}

for (const name of wanted) {
  const bench: unknown = await import(new URL(`${name}.ts`, directory).href);
  if (!isBench(bench)) throw new Error(`scripts/bench/${name}.ts: no run(), wanted run(): Promise<void>`);
  console.log(`# ${name}`);
  await bench.run();
}

function isBench(module: unknown): module is { run(): Promise<void> } {
  return typeof module === 'object' && module !== null && 'run' in module && typeof module.run === 'function';
}
