import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { dryDisk, systemDisk } from '#platform';

const directory = mkdtempSync(join(tmpdir(), 'hypha-dry-'));
test.after.always(() => rmSync(directory, { recursive: true, force: true }));

test('a dry disk shows what is there and changes nothing', async (t) => {
  const path = join(directory, 'file');
  writeFileSync(path, 'as it was');
  const disk = dryDisk(systemDisk());
  const file = await disk.open(path, 'open');
  await file.write(Buffer.from('changed!!'), 0);
  await file.truncate(0);
  await file.sync();
  const into = Buffer.alloc(9);
  t.is(await file.read(into, 0), 9);
  t.is(into.toString(), 'as it was');
  await file.close();
  await disk.remove(path);
  await disk.rename(path, `${path}.2`);
  await disk.makeDirectory(join(directory, 'made'));
  const made = await disk.open(join(directory, 'new'), 'create');
  await made.write(Buffer.from('x'), 0);
  t.is(await made.size(), 0);
  await made.close();
  t.is(readFileSync(path, 'utf8'), 'as it was');
  t.deepEqual(await disk.list(directory), ['file']);
  t.false(existsSync(join(directory, 'new')));
  t.like(await t.throwsAsync(disk.open(join(directory, 'new'), 'open')), { code: 'disk/not-found' });
});
