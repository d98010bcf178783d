import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { keyFiles } from '#platform';

const directory = mkdtempSync(join(tmpdir(), 'hypha-keys-'));
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

test('a key file that is not there is told from one that is empty', async (t) => {
  t.is(await keyFiles.read(join(directory, 'none')), null);
});

test('what is written comes back, for its owner alone, whatever the umask and a dead draft say', async (t) => {
  const path = join(directory, 'key');
  writeFileSync(`${path}.new`, 'left by a crash', { mode: 0o666 });
  await keyFiles.write(path, Buffer.from('secret'));
  t.deepEqual(await keyFiles.read(path), Buffer.from('secret'));
  t.is(statSync(path).mode & 0o777, 0o600);
  t.false(existsSync(`${path}.new`));
  await keyFiles.write(path, Buffer.from('other'));
  t.is(readFileSync(path, 'utf8'), 'other');
});

for (const mode of [0o640, 0o604, 0o620, 0o644, 0o666]) {
  test(`a key file of mode ${mode.toString(8)} is refused with the command that mends it`, async (t) => {
    const path = join(directory, `loose-${mode}`);
    writeFileSync(path, 'x');
    chmodSync(path, mode);
    const error = await t.throwsAsync(keyFiles.read(path));
    t.like(error, { code: 'key/loose', remedy: 'reconfigure' });
    t.true(
      error?.message.endsWith(`found mode 0${mode.toString(8)}, wanted 0600; run: chmod 600 ${path}`),
      error?.message,
    );
  });
}

test('a wrong path is not read into memory', async (t) => {
  const path = join(directory, 'huge');
  writeFileSync(path, Buffer.alloc(70_000), { mode: 0o600 });
  t.like(await t.throwsAsync(keyFiles.read(path)), { code: 'key/io' });
  t.like(await t.throwsAsync(keyFiles.write(join(directory, 'no/such/place'), Buffer.from('x'))), { code: 'key/io' });
});
