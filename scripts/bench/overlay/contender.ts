import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { identityOf } from '#crypto';
import { parsePublicKey } from '#kernel';
import { Ours } from '../../../test/interop/ours.ts';
import { Stock } from '../../../test/interop/stock.ts';
import { cpuUsOf, sum, type Usage, usageOf } from './usage.ts';

/** Two nodes joined by one TCP link on loopback, each in a process of its own. */
export interface Contender {
  readonly name: string;
  /** Where the far node listens for links. */
  readonly port: number;
  /** From the start of the near node, link and all, until its first message has arrived. */
  readonly firstMs: number;
  /** The longest message that it takes. */
  readonly limitBytes: number;
  /**
   * Sends one message and resolves when it has arrived: acknowledged (ours), taken at the far end (stock). `isPatient`: as the
   * bus sends its batches.
   */
  cross(payload: Uint8Array, isPatient?: boolean): Promise<void>;
  /** What both nodes have used so far. */
  usage(): Promise<Usage>;
  stop(): Promise<void>;
}

/** The sender is this process, the receiver a child. */
export async function ourPair(form: 'path' | 'messages'): Promise<Contender> {
  const program = new URL('far.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program, form], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { endpoint, publicKey } = JSON.parse(await nextLine(child));
  const key = parsePublicKey(publicKey);
  if (key === null) throw new Error('far agent: no public key');
  const port = Number(new URL(endpoint.replace('tcp:', 'http:')).port);
  const startedAt = performance.now();
  const near = await Ours.start(randomBytes(32), [{ host: '127.0.0.1', port }], { betterPath: form === 'path' });
  const cross = async (payload: Uint8Array, isPatient = false): Promise<void> => {
    const ended = await near.send(key, payload, { isPatient }).ended;
    if (ended !== 'received') throw new Error(`message: ${ended}, wanted received`);
  };
  await cross(first);
  return {
    name: form,
    port,
    firstMs: performance.now() - startedAt,
    limitBytes: 64 * 1024 * 1024,
    cross,
    usage: async () => {
      const line = nextLine(child);
      child.stdin.write('\n');
      return sum(usageOf(near.overlay), JSON.parse(await line));
    },
    stop: async () => {
      if (process.env['BENCH_COUNTERS'] !== undefined) console.error(near.overlay.counters);
      await near.stop();
      child.stdin.end();
      await new Promise((resolve) => child.once('exit', resolve));
    },
  };
}

const first = Buffer.from('the first');

/** HTTP push at one stock daemon, HTTP pop at the other: the only ways in and out that it has. */
export async function stockPair(): Promise<Contender> {
  const secret = randomBytes(32);
  const far = await Stock.start([], secret);
  const startedAt = performance.now();
  const near = await Stock.start([`tcp://127.0.0.1:${far.port}`], randomBytes(32));
  const { publicKey } = identityOf(secret);
  const cross = async (payload: Uint8Array): Promise<void> => {
    const popped = far.pop(20);
    await near.push(publicKey, payload);
    if ((await popped) === null) throw new Error('message: not popped');
  };
  await cross(first);
  return {
    name: 'stock',
    port: far.port,
    firstMs: performance.now() - startedAt,
    limitBytes: 1_400_000,
    cross,
    usage: () => Promise.resolve({ cpuUs: cpuUsOf(near.pid) + cpuUsOf(far.pid), aeads: null }),
    stop: async () => {
      await near.stop();
      await far.stop();
    },
  };
}

function nextLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const ended = (): void => reject(new Error('the far agent ended early'));
    const heard = (bytes: Buffer): void => {
      text += bytes.toString();
      if (!text.endsWith('\n')) return;
      child.off('exit', ended);
      child.stdout?.off('data', heard);
      resolve(text);
    };
    child.once('exit', ended);
    child.stdout?.on('data', heard);
  });
}
