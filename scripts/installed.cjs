// Exit code 0 when node_modules already holds what package-lock.json lists (someone ran npm by hand); run by any Node >= 18.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const root = process.argv[2] ?? '.';
const packages = (path) => JSON.parse(readFileSync(join(root, path), 'utf8')).packages;

function same() {
  const wanted = packages('package-lock.json');
  const found = packages('node_modules/.package-lock.json');
  const names = Object.keys(wanted).filter((name) => name !== '');
  return (
    names.every(
      (name) => found[name]?.integrity === wanted[name].integrity || (!found[name] && wanted[name].optional),
    ) && Object.keys(found).every((name) => name in wanted)
  );
}

try {
  process.exitCode = same() ? 0 : 1;
} catch {
  process.exitCode = 1;
}
