import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readSettings } from '#app';
import { root } from './tree.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const map = readFileSync(join(root, 'agent/README.md'), 'utf8');

test('the configuration in the README is valid', (t) => {
  const text = /```toml\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const settings = readSettings({ files: [{ name: 'README.md', text }], variables: {}, hostname: 'here' });
  t.is(settings.name, 'gateway-7');
  t.is(settings.link[0]?.to, 'hub');
});

test('the commands in the README are there', (t) => {
  for (const [, script] of readme.matchAll(/`?(scripts\/[a-z]+)\b/g))
    t.true(existsSync(join(root, script ?? '')), script);
});

test('every room is on the map, and no other', (t) => {
  const rooms = readdirSync(join(root, 'agent'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const mapped = [...map.matchAll(/^\| \S+ \| `([a-z]+)\/` \|/gm)].map((match) => match[1]);
  t.deepEqual(mapped.sort(), rooms.map((entry) => entry.name).sort());
});
