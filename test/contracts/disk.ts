import type { ExecutionContext, TestFn } from 'ava';
import type { Disk } from '#kernel';
import { isAgentError } from '#kernel';

export interface DiskUnderTest {
  readonly disk: Disk;
  readonly root: string;
}

/** What every disk promises. `make` gives a fresh one with a directory to work in; `run` makes its time pass. */
export function diskContract(
  test: TestFn,
  name: string,
  make: (t: ExecutionContext) => Promise<DiskUnderTest>,
  run: <T>(under: DiskUnderTest, work: () => Promise<T>) => Promise<T>,
): void {
  const check = (title: string, body: (t: ExecutionContext, disk: Disk, root: string) => Promise<void>): void => {
    test(`${name}: ${title}`, async (t) => {
      const under = await make(t);
      await run(under, () => body(t, under.disk, under.root));
    });
  };

  check('a file that is not there is refused unless it may be made', async (t, disk, root) => {
    await refused(t, disk.open(`${root}/none`, 'open'), 'disk/not-found');
    await refused(t, disk.open(`${root}/none`, 'read-only'), 'disk/not-found');
    const file = await disk.open(`${root}/none`, 'create');
    t.is(await file.size(), 0);
    await file.close();
    t.deepEqual(await disk.list(root), ['none']);
  });

  check('what was written is read back, also in the middle and beyond the end', async (t, disk, root) => {
    const file = await disk.open(`${root}/a`, 'create');
    await file.write(Uint8Array.of(1, 2, 3, 4), 0);
    await file.write(Uint8Array.of(9), 1);
    await file.write(Uint8Array.of(7), 6);
    await file.sync();
    const into = new Uint8Array(10);
    t.is(await file.read(into, 0), 7);
    t.deepEqual([...into.subarray(0, 7)], [1, 9, 3, 4, 0, 0, 7]);
    t.is(await file.read(into, 5), 2);
    t.is(await file.read(into, 7), 0);
    t.is(await file.size(), 7);
    await file.close();
  });

  check('what was written durably is read back, beside other writes', async (t, disk, root) => {
    const file = await disk.open(`${root}/a`, 'create');
    await file.write(Uint8Array.of(1, 2, 3, 4), 0);
    await file.writeDurably(Uint8Array.of(8, 9), 1);
    await file.writeDurably(Uint8Array.of(7), 5);
    const into = new Uint8Array(8);
    t.is(await file.read(into, 0), 6);
    t.deepEqual([...into.subarray(0, 6)], [1, 8, 9, 4, 0, 7]);
    await file.close();
    const reader = await disk.open(`${root}/a`, 'read-only');
    await t.throwsAsync(reader.writeDurably(Uint8Array.of(1), 0));
    await reader.close();
  });

  check('truncate shortens and lengthens with zeros', async (t, disk, root) => {
    const file = await disk.open(`${root}/a`, 'create');
    await file.write(Uint8Array.of(1, 2, 3), 0);
    await file.truncate(1);
    await file.truncate(3);
    const into = new Uint8Array(4);
    t.is(await file.read(into, 0), 3);
    t.deepEqual([...into], [1, 0, 0, 0]);
    await file.close();
  });

  check('a file that was opened to read is not written', async (t, disk, root) => {
    await (await disk.open(`${root}/a`, 'create')).close();
    const file = await disk.open(`${root}/a`, 'read-only');
    await t.throwsAsync(file.write(Uint8Array.of(1), 0));
    await file.close();
  });

  check('rename replaces, and an open file stays what it was', async (t, disk, root) => {
    const old = await disk.open(`${root}/to`, 'create');
    await old.write(Uint8Array.of(1), 0);
    const draft = await disk.open(`${root}/from`, 'create');
    await draft.write(Uint8Array.of(2), 0);
    await disk.rename(`${root}/from`, `${root}/to`);
    await disk.syncDirectory(root);
    t.deepEqual(await disk.list(root), ['to']);
    const into = new Uint8Array(1);
    await (await disk.open(`${root}/to`, 'open')).read(into, 0);
    t.deepEqual([...into], [2]);
    await old.read(into, 0);
    t.deepEqual([...into], [1]);
    await refused(t, disk.rename(`${root}/from`, `${root}/x`), 'disk/not-found');
  });

  check('remove asks nothing, list of no directory is empty, and names are sorted', async (t, disk, root) => {
    await disk.remove(`${root}/none`);
    t.deepEqual(await disk.list(`${root}/none`), []);
    for (const name of ['b', 'c', 'a']) await (await disk.open(`${root}/${name}`, 'create')).close();
    await disk.remove(`${root}/b`);
    t.deepEqual(await disk.list(root), ['a', 'c']);
  });

  check('directories are made with their parents', async (t, disk, root) => {
    await disk.makeDirectory(`${root}/x/y`);
    await disk.makeDirectory(`${root}/x/y`);
    await (await disk.open(`${root}/x/y/f`, 'create')).close();
    await disk.syncDirectory(`${root}/x/y`);
    t.deepEqual(await disk.list(`${root}/x/y`), ['f']);
  });

  check('a lock is held by one, and free again once released', async (t, disk, root) => {
    const lock = await disk.lock(`${root}/lock`);
    await refused(t, disk.lock(`${root}/lock`), 'disk/locked');
    await lock.release();
    const again = await disk.lock(`${root}/lock`);
    await refused(t, disk.lock(`${root}/lock`), 'disk/locked');
    await again.release();
  });

  check('allocated memory is zero and of the size asked', async (t, disk) => {
    const bytes = disk.allocate(10_000);
    t.is(bytes.length, 10_000);
    t.true(bytes.every((byte) => byte === 0));
  });
}

async function refused(t: ExecutionContext, work: Promise<unknown>, code: string): Promise<void> {
  const error = await t.throwsAsync(work);
  t.true(isAgentError(error, code), `${code} wanted, found ${String(error)}`);
}
