import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { hypha, makeDirectory } from './hypha.ts';

const directory = makeDirectory();
test.after.always(() => directory.remove());

const vectors = JSON.parse(readFileSync(new URL('../vectors/mycelium.json', import.meta.url), 'utf8'));
const frames: string[] = vectors.transcripts.flatMap(({ frames: all }: { frames: { hex: string }[] }) =>
  all.map(({ hex }) => hex),
);

test('dump explains digits, a file of digits, a file of bytes and standard input alike', async (t) => {
  const all = frames.join('');
  const [text, raw] = [join(directory.path, 'frames.txt'), join(directory.path, 'frames.bin')];
  writeFileSync(text, `${frames.map((hex) => hex.replaceAll(/(..)/g, '$1 ')).join('\n')}\n`);
  writeFileSync(raw, Buffer.from(all, 'hex'));
  const fromText = await hypha(['dump', '--json', '--hex', text]);
  t.is(fromText.code, 0, fromText.stderr);
  const explained = JSON.parse(fromText.stdout);
  t.is(explained.length, frames.length);
  t.is(explained.flatMap(({ fields }: { fields: { hex: string }[] }) => fields.map(({ hex }) => hex)).join(''), all);
  t.is((await hypha(['dump', '--json', '--hex', raw])).stdout, fromText.stdout);
  t.is((await hypha(['dump', '--json', '--hex', '-'], { input: all })).stdout, fromText.stdout);
  const one = await hypha(['dump', '--hex', frames[0] ?? '']);
  t.regex(one.stdout, /^update: 68 bytes at 0\nAT +SIZE +FIELD +BYTES +MEANING\n0 +1 +frame\.version +01 +1\n/);
});

test('bytes that are no frame are explained as far as they go, with exit code 1', async (t) => {
  const cut = await hypha(['dump', '--hex', (frames[0] ?? '').slice(0, 60)]);
  t.is(cut.code, 1);
  t.regex(cut.stdout, /WRONG: /);
  t.is((await hypha(['dump', '--hex', 'ff00'])).code, 1);
});

for (const [what, args] of [
  ['an odd number of digits', ['--hex', '010']],
  ['no digits and no file', ['--hex', '/nonexistent']],
  ['no digits at all', ['--hex', 'zz']],
  ['nothing', ['--hex', '']],
  ['both', ['--hex', '00', '--packet', '1']],
  ['a count of none', ['--last', '0']],
  ['no number', ['--packet', 'x']],
] as const) {
  test(`dump given ${what} ends with 2 and one line`, async (t) => {
    const { code, stderr } = await hypha(['dump', '--data', directory.path, ...args]);
    t.is(code, 2, stderr);
    t.regex(stderr, /^hypha: [^\n]+, wanted [^\n]+\n$/);
    t.notRegex(stderr, /ENOENT/);
  });
}
