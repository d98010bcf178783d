import type { Disk, Log, Random, Secret } from '#kernel';
import { AgentError, isAgentError } from '#kernel';
import type { SealBackend } from './backend.ts';
import { createSealer } from './sealer.ts';
import type { SealEffect, Sealer, SealFile } from './types.ts';

/** The files, beside the draft that replaces them. Receive-keys never go into a backup. */
export const sealFileNames: Readonly<Record<SealFile, string>> = {
  'receive-keys': 'receive-keys',
  contacts: 'sealing-contacts',
};
const fileLimitBytes = 16 * 1024 * 1024;

export interface SealingPorts {
  readonly disk: Disk;
  readonly random: Pick<Random, 'bytes'>;
  readonly log: Log;
  readonly uptimeMs: () => number;
}

export interface SealingOptions {
  readonly identity: Secret;
  readonly backend: SealBackend;
  readonly networkPsk?: Uint8Array | null;
  /** What is left of the effects when the disk has done its part: `send`, `announce`, `reseal`, `alarm`. */
  readonly effect: (effect: Exclude<SealEffect, { kind: 'store' }>) => void;
}

export interface Sealing {
  readonly sealer: Sealer;
  /** Does what the sealer wants done, also with what `open`, `learn` and the others returned. */
  run(effects: readonly SealEffect[]): void;
  /** At least once a minute. */
  tick(): void;
  /** What was to be written is written, or was refused. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Reads the files (a missing or damaged one begins anew, which peers notice and mend), and has a receive-key on disk. */
export async function openSealing(ports: SealingPorts, directory: string, options: SealingOptions): Promise<Sealing> {
  await ports.disk.makeDirectory(directory);
  for (const name of Object.values(sealFileNames)) await ports.disk.remove(`${directory}/${draftOf(name)}`);
  const stored = {
    receiveKeys: await read(ports.disk, `${directory}/${sealFileNames['receive-keys']}`),
    contacts: await read(ports.disk, `${directory}/${sealFileNames.contacts}`),
  };
  const { identity, backend, networkPsk = null } = options;
  const { random, uptimeMs } = ports;
  const sealer = createSealer({ backend, identity, networkPsk, random, uptimeMs, stored });
  stored.receiveKeys?.fill(0);
  const sealing = new DiskSealing(ports, directory, sealer, options);
  sealing.tick();
  await sealing.settled();
  return sealing;
}

class DiskSealing implements Sealing {
  readonly sealer: Sealer;
  readonly #ports: SealingPorts;
  readonly #directory: string;
  readonly #options: SealingOptions;
  #writing: Promise<void> = Promise.resolve();
  #isOpen = true;

  constructor(ports: SealingPorts, directory: string, sealer: Sealer, options: SealingOptions) {
    this.#ports = ports;
    this.#directory = directory;
    this.sealer = sealer;
    this.#options = options;
  }

  tick(): void {
    if (this.#isOpen) this.run(this.sealer.tick());
  }

  run(effects: readonly SealEffect[]): void {
    for (const effect of effects) {
      if (effect.kind !== 'store') this.#options.effect(effect);
      else this.#writing = this.#writing.then(() => this.#store(effect.file, effect.bytes, effect.ticket));
    }
  }

  settled(): Promise<void> {
    return this.#writing;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    await this.#writing;
    this.sealer.close();
  }

  async #store(file: SealFile, bytes: Uint8Array, ticket: number): Promise<void> {
    try {
      await replace(this.#ports.disk, this.#directory, sealFileNames[file], bytes);
    } catch (error) {
      if (!isAgentError(error)) throw error;
      this.#ports.log.warn('sealing-not-stored', { file, code: error.code });
      this.sealer.storeFailed(ticket);
      return;
    } finally {
      bytes.fill(0);
    }
    this.run(this.sealer.stored(ticket));
  }
}

const draftOf = (name: string): string => `${name}.draft`;

/** Whole and durable, or not at all: draft, sync, rename, sync of the directory. */
async function replace(disk: Disk, directory: string, name: string, bytes: Uint8Array): Promise<void> {
  const draft = `${directory}/${draftOf(name)}`;
  await disk.remove(draft);
  const file = await disk.open(draft, 'create');
  const page = disk.allocate(bytes.length);
  try {
    page.set(bytes);
    await file.write(page, 0);
    await file.sync();
  } finally {
    page.fill(0);
    await file.close();
  }
  await disk.rename(draft, `${directory}/${name}`);
  await disk.syncDirectory(directory);
}

async function read(disk: Disk, path: string): Promise<Uint8Array | null> {
  const file = await disk.open(path, 'read-only').catch((error: unknown) => {
    if (isAgentError(error, 'disk/not-found')) return null;
    throw error;
  });
  if (file === null) return null;
  try {
    const size = await file.size();
    if (size > fileLimitBytes) throw new AgentError('crypto/bad-file', 'reconfigure', `${path}: ${size} bytes`);
    const bytes = new Uint8Array(size);
    const count = await file.read(bytes, 0);
    return bytes.subarray(0, count);
  } finally {
    await file.close();
  }
}
