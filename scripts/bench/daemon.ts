import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { identityOf } from '#crypto';
import type { Log, PublicKey } from '#kernel';
import { createDaemonOverlay, type Overlay } from '#overlay';
import { realEnv } from '#platform';
import { Stock, stockBinary, waitMs } from '../../test/interop/stock.ts';

const payload = randomBytes(300);
const secondsEach = Number(process.env['SECONDS_EACH'] ?? 4);
const cliMessages = 12;
const silent: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, with: () => silent };

interface Measured {
  readonly perSecond: number;
  readonly medianMs: number;
}

/**
 * Messages of 300 bytes from one stock daemon to another, both on loopback: given by the agent (`overlay.daemon`), which hears of
 * each acknowledgement by asking; by the daemon's own API, asked for each message's state until it has arrived, one at a time
 * and many at a time; and by its own command. The far daemon's inbox is emptied all the while, in the same way for all.
 */
export async function run(): Promise<void> {
  if (stockBinary === undefined) return console.log('skipped: MYCELIUM_BIN is not set');
  const [nearSecret, farSecret] = [randomBytes(32), randomBytes(32)];
  const far = await Stock.start([], farSecret);
  const near = await Stock.start([`tcp://127.0.0.1:${far.port}`], nearSecret);
  const emptying = new AbortController();
  const emptied = empty(far, emptying.signal);
  const to = identityOf(farSecret).publicKey;
  const byApi = (): Promise<void> => arrived(near, to);
  await byApi();
  const overlay = createDaemonOverlay(realEnv(silent), identityOf(nearSecret), {
    at: { host: '127.0.0.1', port: near.apiPort },
    topics: () => [],
    isForLater: () => false,
    admit: () => true,
    received: () => undefined,
  });
  await overlay.start();
  const byUs = (): Promise<void> => sent(overlay, to);
  await byUs();
  const rows: [string, Measured][] = [];
  for (const lanes of [1, 32]) {
    rows.push([`stock's API, ${lanes} under way`, await measure(byApi, lanes)]);
    rows.push([`overlay.daemon, ${lanes} under way`, await measure(byUs, lanes)]);
  }
  rows.push(["stock's command, one by one, not waiting", await measureCommand(near, to)]);
  const base = rows[0]?.[1].perSecond ?? Number.NaN;
  console.table(
    rows.map(([how, { perSecond, medianMs }]) => ({
      how,
      'messages/s': round(perSecond),
      'median ms': round(medianMs),
      "against stock's API, 1": round(perSecond / base),
    })),
  );
  emptying.abort();
  await overlay.stop();
  await emptied;
  for (const stock of [near, far]) await stock.stop();
}

async function empty(far: Stock, until: AbortSignal): Promise<void> {
  while (!until.aborted) if ((await far.pop(0)) === null) await waitMs(5);
}

/** Looks every 10 ms; the first look is when stock can have done it at the earliest. */
async function arrived(near: Stock, to: PublicKey): Promise<void> {
  const id = await near.push(to, payload);
  await waitMs(100);
  while (!['received', 'read'].includes(String(await near.state(id)))) await waitMs(10);
}

async function sent(overlay: Overlay, to: PublicKey): Promise<void> {
  const given = (): Promise<boolean> =>
    new Promise((resolve, reject) => {
      const topic = new Uint8Array(0);
      const changed = (state: string): void => {
        if (state === 'received') resolve(true);
        if (state === 'aborted') reject(new Error('message: aborted, wanted received'));
      };
      const id = overlay.send({ to, topic, payload, replyTo: null, deadlineMs: 60_000, changed });
      if (id === null) resolve(false);
    });
  while (!(await given())) await waitMs(5);
}

/** `lanes` senders, each of which sends its next message when the last has arrived. */
async function measure(cross: () => Promise<void>, lanes: number): Promise<Measured> {
  const times: number[] = [];
  const startedAt = performance.now();
  const endsAt = startedAt + secondsEach * 1000;
  const lane = async (): Promise<void> => {
    while (performance.now() < endsAt) {
      const began = performance.now();
      await cross();
      times.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { perSecond: (times.length * 1000) / (performance.now() - startedAt), medianMs: median(times) };
}

async function measureCommand(near: Stock, to: PublicKey): Promise<Measured> {
  const times: number[] = [];
  const startedAt = performance.now();
  for (let count = 0; count < cliMessages; count++) {
    const began = performance.now();
    const args = ['--api-addr', `127.0.0.1:${near.apiPort}`, 'message', 'send', to, payload.toString('base64')];
    await promisify(execFile)(stockBinary ?? '', args);
    times.push(performance.now() - began);
  }
  return { perSecond: (cliMessages * 1000) / (performance.now() - startedAt), medianMs: median(times) };
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

const round = (value: number): number => Number(value.toPrecision(3));
