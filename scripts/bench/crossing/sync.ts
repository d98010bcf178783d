import { open } from 'node:fs/promises';

/** What one 4 KiB write and its fdatasync take here, median of 200. */
export async function syncMs(directory: string): Promise<number> {
  const file = await open(`${directory}/sync-probe`, 'w');
  const page = Buffer.alloc(4096, 1);
  await file.write(Buffer.alloc(4096 * 200));
  await file.sync();
  const times: number[] = [];
  for (let index = 0; index < 200; index++) {
    const startedAt = performance.now();
    await file.write(page, 0, page.length, index * page.length);
    await file.datasync();
    times.push(performance.now() - startedAt);
  }
  await file.close();
  return times.sort((a, b) => a - b)[100] ?? Number.NaN;
}
