import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readSettings, ringOptions } from '#app';
import { systemRandom } from '../../agent/platform/random.ts';

const ringOf = (lines: string) =>
  readSettings({ files: [{ name: 'hypha.toml', text: `[ring]\n${lines}` }], variables: {}, hostname: 'here' }).ring;

const keyAt = (path: string, letter: string): string => {
  writeFileSync(path, Buffer.alloc(32, letter));
  chmodSync(path, 0o600);
  return path;
};

test('encrypt = true makes a key that only its owner reads, and takes it again at the next start', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'hypha-key-'));
  t.teardown(() => rmSync(data, { recursive: true, force: true }));
  await t.throwsAsync(ringOptions(ringOf('encrypt = true'), data, null), { code: 'ring/key' });
  const made = (await ringOptions(ringOf('encrypt = true'), data, systemRandom())).keys?.writing?.id;
  t.is(statSync(join(data, 'ring.key')).mode & 0o777, 0o600);
  t.is((await ringOptions(ringOf('encrypt = true'), data, systemRandom())).keys?.writing?.id, made);
  const off = (await ringOptions(ringOf('encrypt = false'), data, systemRandom())).keys;
  t.is(off?.writing, null);
  t.deepEqual(
    off?.reading.map(({ id }) => id),
    [made],
  );
});

test('a key elsewhere must be there, be 32 bytes, and be read by its owner alone; old ones are read too', async (t) => {
  const data = mkdtempSync(join(tmpdir(), 'hypha-key-'));
  t.teardown(() => rmSync(data, { recursive: true, force: true }));
  const file = join(data, 'stick.key');
  const settings = ringOf(
    `encrypt = { key_file = "${file}", old_key_files = ["${keyAt(join(data, 'old.key'), 'o')}"] }`,
  );
  await t.throwsAsync(ringOptions(settings, data, systemRandom()), {
    code: 'ring/key',
    message: /is its medium mounted/,
  });
  keyAt(file, 'k');
  const { keys } = await ringOptions(settings, data, systemRandom());
  t.is(keys?.reading.length, 1);
  t.not(keys?.writing?.id, keys?.reading[0]?.id);
  chmodSync(file, 0o644);
  await t.throwsAsync(ringOptions(settings, data, systemRandom()), { code: 'key/loose' });
  chmodSync(file, 0o600);
  writeFileSync(file, 'short');
  await t.throwsAsync(ringOptions(settings, data, systemRandom()), { code: 'crypto/bad-key' });
  t.throws(() => ringOf('encrypt = "yes"'), { message: /key_file/ });
});
