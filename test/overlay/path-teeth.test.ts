import { readFileSync } from 'node:fs';
import test from 'ava';
import { pathMutations } from './path-mutations.ts';

test('every promise of the better path that is to be broken for a trial stands where the table says, once', (t) => {
  for (const { name, file, from } of pathMutations) {
    const source = readFileSync(new URL(`../../agent/overlay/path/${file}`, import.meta.url), 'utf8');
    t.is(source.split(from).length, 2, name);
  }
});
