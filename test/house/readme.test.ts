import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readSettings } from '#app';
import { root } from './tree.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const map = readFileSync(join(root, 'agent/README.md'), 'utf8');

const read = (text: string) => readSettings({ files: [{ name: 'README.md', text }], variables: {}, hostname: 'here' });

test('the configurations in the README are valid, and the hub takes what the gateway sends', (t) => {
  const [gateway, hub, ...more] = [...readme.matchAll(/```toml\n([\s\S]*?)```/g)].map(([, text]) => read(text ?? ''));
  t.is(gateway?.name, 'gateway-7');
  t.is(gateway?.link[0]?.to, 'hub');
  t.true(Object.hasOwn(hub?.contacts ?? {}, 'gateway-7'));
  t.deepEqual([hub?.accept[0]?.from, hub?.accept[0]?.topics], ['*', ['{contact}/#']]);
  t.is(gateway?.link[0]?.prefix, 'gateway-7/');
  t.deepEqual(more, []);
});

test('each overlay setting in the README can be set as it is written', (t) => {
  const rows = [...readme.matchAll(/^\| `(\w+ = [^`]+)`/gm)].map(([, line]) => line ?? '');
  t.true(rows.length >= 6, rows.join('\n'));
  for (const line of rows) t.notThrows(() => read(`[overlay]\n${line}\n`), line);
});

test('every command of the program is in the README, and no other', (t) => {
  const table = /^\| command \| does \|\n([\s\S]*?)\n\n/m.exec(readme)?.[1] ?? '';
  const named = [...table.matchAll(/`([a-z]+)(?= |`)[^`]*`(?=[^|\n]*\|[^|\n]*\|$)/gm)].map(([, name]) => name);
  const source = ['main', 'seeing'].map((file) => readFileSync(join(root, `agent/cli/${file}.ts`), 'utf8')).join('\n');
  const made = [...source.matchAll(/(?:\bcommand\(\s*program,|program\s*\.command\()\s*'([a-z]+)'/g)].map(
    ([, name]) => name,
  );
  t.deepEqual([...new Set(named)].sort(), made.sort());
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
