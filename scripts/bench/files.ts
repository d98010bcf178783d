import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import { prepareBlake3, RunningBlake3 } from '#crypto';
import { ask } from '../../test/api/ask.ts';
import { FilesAgents } from '../../test/bus/large-agents.ts';
import { memoryOf } from '../../test/load/memory.ts';
import { ourPair } from './overlay/contender.ts';

const rounds = Number(process.env['ROUNDS'] ?? 3);
const megabytes = Number(process.env['MEGABYTES'] ?? 64);
const bytes = megabytes * 1024 * 1024;

/**
 * One file from disk to disk by two agents, beside the same bytes as one message of the overlay (from memory to memory) and
 * a plain TCP copy that hashes at both ends and syncs at the far one. In turn, in the same run, over loopback.
 */
export async function run(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'hypha-files-'));
  const source = join(directory, 'source');
  writeFileSync(source, randomBytes(bytes));
  await prepareBlake3();
  const taken = new Map<string, number[]>(['file', 'message', 'copy'].map((name) => [name, []]));
  const agents = await FilesAgents.start(directory, false);
  const overlay = await ourPair('path');
  const memory = new Memory(agents);
  for (let round = 0; round < rounds; round++) {
    taken.get('copy')?.push(await timed(() => plainCopy(source, join(directory, 'copy'))));
    if (bytes <= overlay.limitBytes) taken.get('message')?.push(await timed(() => overlay.cross(readFileSync(source))));
    taken.get('file')?.push(await timed(() => sendFile(agents, source, memory)));
  }
  await overlay.stop();
  await agents.stop();
  rmSync(directory, { recursive: true, force: true });
  print(taken, memory);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/** Until the sender knows it synced and in its place. */
async function sendFile(agents: FilesAgents, path: string, memory: Memory): Promise<void> {
  const headers = { authorization: `Bearer ${readFileSync(join(agents.gateway.data, 'api.token'), 'utf8').trim()}` };
  const body = { to: 'hub', path, topic: 'gateway/bench' };
  const begun = await ask(agents.gateway, '/hypha/v1/files', { body, headers });
  if (begun.status !== 201) throw new Error(begun.text);
  const { id } = JSON.parse(begun.text);
  for (;;) {
    const { text } = await ask(agents.gateway, `/hypha/v1/transfers/${id}`, { headers });
    const { state, why } = JSON.parse(text);
    if (state === 'done') return;
    if (['refused', 'failed', 'cancelled'].includes(state)) throw new Error(`file: ${state}, ${why}`);
    memory.look();
    await pass(10);
  }
}

async function plainCopy(from: string, to: string): Promise<void> {
  const child = spawn(process.execPath, [new URL('files/copy.ts', import.meta.url).pathname, to], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const port = await new Promise<number>((resolve) => child.stdout.once('data', (line) => resolve(Number(line))));
  const socket = connect({ port, host: '127.0.0.1' });
  const answered = new Promise<Buffer>((resolve) => socket.once('data', resolve));
  const hash = new RunningBlake3();
  for await (const chunk of createReadStream(from, { highWaterMark: 65_536 })) {
    hash.update(chunk);
    if (!socket.write(chunk)) await new Promise((drained) => socket.once('drain', drained));
  }
  socket.end();
  const same = Buffer.compare(await answered, hash.digest()) === 0;
  child.stdin.end();
  if (!same) throw new Error('copy: another hash at the far end');
}

class Memory {
  readonly #agents: FilesAgents;
  readonly idle: readonly number[];
  most: readonly number[];

  constructor(agents: FilesAgents) {
    this.#agents = agents;
    this.idle = this.#now();
    this.most = this.idle;
  }

  look(): void {
    this.most = this.#now().map((now, index) => Math.max(now, this.most[index] ?? 0));
  }

  #now(): number[] {
    return [this.#agents.gateway, this.#agents.hub].map(({ pid }) => memoryOf(pid).rss);
  }
}

function print(taken: ReadonlyMap<string, readonly number[]>, memory: Memory): void {
  const speed = (name: string): number => bytes / 1e3 / median(taken.get(name) ?? []);
  const row = (title: string, name: string): void =>
    console.log(
      `${title.padEnd(44)}${speed(name).toFixed(1).padStart(8)} MB/s${(speed('file') / speed(name)).toFixed(2).padStart(8)}`,
    );
  console.log(`${megabytes} MiB, medians of ${rounds} rounds in turn; the last column: file ÷ it`);
  row('file, disk to disk, agents', 'file');
  row('one message of the overlay, memory to memory', 'message');
  row('TCP copy, hashed at both ends, synced', 'copy');
  for (const [index, who] of ['sender', 'receiver'].entries()) {
    const [idle = 1, most = 1] = [memory.idle[index], memory.most[index]];
    console.log(
      `RSS of the ${who}: idle ${idle.toFixed(0)} MB, at most ${most.toFixed(0)} MB (${(most / idle).toFixed(2)})`,
    );
  }
}

const median = (of: readonly number[]): number => of.toSorted((a, b) => a - b)[Math.floor(of.length / 2)] ?? Number.NaN;
