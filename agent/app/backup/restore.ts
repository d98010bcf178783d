import type { Disk, DiskFile } from '#kernel';
import { AgentError } from '#kernel';
import type { Entry } from './archive.ts';

/** Everything is written under this name, and moved into its place when it is whole. */
const unfinished = 'restoring';

export interface RestorePorts {
  readonly disk: Disk;
  /** With all that is below it; no error if it is not there. */
  readonly removeTree: (path: string) => Promise<void>;
}

/** The next start finds it: that the ring knows less than it has said is no surprise then. */
export const restoredMark = (data: string): string => `${data}/restored`;

/** Refuses a directory with anything in it but what an earlier attempt has left. `restore/not-empty`. */
export async function refuseUnlessEmpty(disk: Disk, data: string): Promise<void> {
  const others = (await disk.list(data)).filter((name) => name !== unfinished && !/^lock(\.\d+)?$/.test(name));
  if (others.length === 0) return;
  const found = others.slice(0, 3).join(', ');
  throw new AgentError(
    'restore/not-empty',
    'reject',
    `${data}: found ${found}, wanted an empty directory: what it holds is a node of its own; move it away or give another with --data`,
  );
}

/** `restore/unfinished` where a restore was begun and has not come to its end. */
export async function refuseUnfinished(disk: Disk, data: string): Promise<void> {
  if ((await disk.list(`${data}/${unfinished}`)).length === 0) return;
  throw new AgentError(
    'restore/unfinished',
    'reject',
    `${data}: found a restore that has not ended, wanted it done again: hypha restore`,
  );
}

/**
 * Writes the state into an empty data directory: first beside, synced, then name by name, the ring last but for the mark.
 * Called with whole archives alone (read through before). Bytes written so far are told to `progress`.
 */
export async function restoreInto(
  { disk, removeTree }: RestorePorts,
  data: string,
  entries: AsyncIterable<Entry>,
  progress: (bytes: number) => void,
): Promise<void> {
  await refuseUnlessEmpty(disk, data);
  const draft = `${data}/${unfinished}`;
  await removeTree(draft);
  await disk.makeDirectory(draft);
  const names = await writeAll({ disk, removeTree }, draft, entries, progress);
  const mark = await disk.open(`${draft}/restored`, 'create');
  await mark.sync();
  await mark.close();
  await disk.syncDirectory(draft);
  for (const name of [...[...names].filter((one) => one !== 'ring').sort(), 'restored', 'ring']) {
    if (name === 'restored' || names.has(name)) await disk.rename(`${draft}/${name}`, `${data}/${name}`);
  }
  await removeTree(draft);
  await disk.syncDirectory(data);
}

async function writeAll(
  { disk, removeTree }: RestorePorts,
  draft: string,
  entries: AsyncIterable<Entry>,
  progress: (bytes: number) => void,
): Promise<Set<string>> {
  const names = new Set<string>();
  const directories = new Set<string>();
  const files = new OneFile(disk);
  let written = 0;
  for await (const entry of entries) {
    if (entry.kind === 'again') {
      await files.finish();
      await removeTree(`${draft}/${entry.path}`);
      directories.delete(`${draft}/${entry.path}`);
      continue;
    }
    const { path, offset, bytes } = entry;
    const [top = path, ...below] = path.split('/');
    const directory = `${draft}/${top}`;
    names.add(top);
    if (below.length > 0 && !directories.has(directory)) await disk.makeDirectory(directory);
    if (below.length > 0) directories.add(directory);
    await files.write(`${draft}/${path}`, offset, bytes);
    written += bytes.length;
    progress(written);
  }
  await files.finish();
  for (const directory of directories) await disk.syncDirectory(directory);
  return names;
}

/** The file that is being written: one at a time, synced when the next begins. */
class OneFile {
  readonly #disk: Disk;
  #path = '';
  #file: DiskFile | null = null;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  async write(path: string, offset: number, bytes: Uint8Array): Promise<void> {
    if (path !== this.#path) await this.finish();
    this.#path = path;
    this.#file ??= await this.#disk.open(path, 'create');
    await this.#file.write(bytes, offset);
  }

  async finish(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    this.#path = '';
    await file?.sync();
    await file?.close();
  }
}
