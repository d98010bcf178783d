import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pass } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import { connectAsync } from 'mqtt';
import { makeDirectory, type RunningAgent } from '../cli/hypha.ts';
import { FilesAgents } from './large-agents.ts';

const directory = makeDirectory();
const test = anyTest as TestFn<FilesAgents>;
const megabyte = 1024 * 1024;
/** All of it takes a minute. */
const [size, deaths] = process.env['LONG_TESTS'] === undefined ? [32, 2] : [64, 4];
const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
let agents: FilesAgents;

test.before(async () => {
  agents = await FilesAgents.start(directory.path);
});
test.after.always(async () => {
  await agents?.stop();
  directory.remove();
});

test.serial('a file from the shell lies in the far agent, a subscriber is told, and both ends list it', async (t) => {
  const file = place('report.pdf', 3 * megabyte + 5);
  const subscriber = await connectAsync(`mqtt://${agents.hub.doors['mqtt']}`);
  await subscriber.subscribeAsync('hypha/files/received', { qos: 1 });
  const told = new Promise<Buffer>((resolve) => subscriber.on('message', (_, payload) => resolve(payload)));
  const sent = await agents.gateway.hypha(['send', 'hub', '--file', file, '--topic', 'gateway/reports', '--wait']);
  t.is(sent.code, 0, sent.stderr);
  const notice = JSON.parse((await told).toString());
  const path = join(agents.hub.data, 'files/gateway/report.pdf');
  t.like(notice, { from: 'gateway', topic: 'gateway/reports', path, size: 3 * megabyte + 5 });
  t.is(await hashOf(path), await hashOf(file));
  t.is((await agents.hub.hypha(['recv', '--files'])).stdout, `${path}\n`);
  t.regex(
    (await agents.gateway.hypha(['transfers'])).stdout,
    /^ID +PEER +FILE +SIZE.*\n\w{8} +to hub +report.pdf +3.0 MB +100 % .*done$/m,
  );
  await subscriber.endAsync();
});

test.serial('what no [[accept]] there lets in is refused, and the sender is told which rule is missing', async (t) => {
  const sent = await agents.gateway.hypha(['send', 'hub', '--file', place('a', 10), '--topic', 'other', '--wait']);
  t.is(sent.code, 1);
  t.regex(
    sent.stderr,
    /^hypha: .*found it refused \(no \[\[accept\]\] there .* on the topic other \(max_file\)\), wanted it there\n$/,
  );
  const wrong = await agents.gateway.hypha(['send', 'hub', '--file', join(directory.path, 'none')]);
  t.is(wrong.code, 74);
});

test.serial(
  `${size} MB cross while both ends are killed again and again (SEED=${seed}): resumed, whole, in little memory`,
  async (t) => {
    const file = place('big.img', size * megabyte);
    const idle = [agents.gateway, agents.hub].map(residentMegabytes);
    const before = agents.relay.bytes;
    const { stdout } = await agents.gateway.hypha(['send', 'hub', '--file', file, '--topic', 'gateway/big', '--json']);
    const { id } = JSON.parse(stdout);
    const chance = mulberry(seed);
    let most = [0, 0];
    let kills = 0;
    const look = (): void => {
      most = most.map((one, index) => Math.max(one, residentMegabytes(index === 0 ? agents.gateway : agents.hub)));
    };
    while (kills < deaths) {
      const goal = Math.min(60, 12 * kills + 4 + chance() * 8) * megabyte;
      await until(() => agents.relay.bytes - before > goal, look);
      await agents.kill(kills % 2 === 0 ? 'hub' : 'gateway');
      kills++;
    }
    const state = async (): Promise<string> => {
      look();
      const found = await agents.gateway.hypha(['transfers', '--json']);
      return JSON.parse(found.stdout).find((one: { id: string }) => one.id === id).state;
    };
    let now = await state();
    while (now !== 'done') {
      t.true(['offering', 'flowing', 'waiting'].includes(now), now);
      await pass(200);
      now = await state();
    }
    t.is(await hashOf(join(agents.hub.data, 'files/gateway/big.img')), await hashOf(file));
    const crossed = (agents.relay.bytes - before) / megabyte;
    t.log(`${crossed.toFixed(1)} MB crossed for ${size} MB, ${kills} kills; RSS idle ${idle}, at most ${most} MB`);
    t.true(crossed <= size * 1.1 + 4, `${crossed} MB crossed`);
    // Less than the file, whatever buffers there are: it never is in memory.
    for (const [index, one] of most.entries())
      t.true(one < (idle[index] ?? 0) + 48, `${one} MB of ${idle[index]} idle`);
  },
);

function place(name: string, bytes: number): string {
  const path = join(directory.path, name);
  writeFileSync(path, randomBytes(bytes));
  return path;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

const residentMegabytes = (agent: RunningAgent): number => agents.residentMegabytes(agent);

async function until(done: () => boolean, meanwhile: () => void): Promise<void> {
  while (!done()) {
    meanwhile();
    await pass(5);
  }
}

function mulberry(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
