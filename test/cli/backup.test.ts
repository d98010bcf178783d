import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { connectAsync } from 'mqtt';
import { hypha, makeDirectory, RunningAgent } from './hypha.ts';
import { startPair } from './pair.ts';

const directory = makeDirectory();
test.after.always(() => directory.remove());

/** Until the hub has stored so many, or for ever. */
async function stored(hub: RunningAgent, wanted: number): Promise<{ stored: number; duplicates: number }> {
  for (;;) {
    const { inbound } = JSON.parse((await hub.hypha(['ring', 'audit', '--json'])).stdout);
    const [one] = inbound;
    if (one !== undefined && one.stored >= wanted) return one;
  }
}

async function publish(agent: RunningAgent, count: number): Promise<void> {
  const sensor = await connectAsync(`mqtt://${agent.doors['mqtt']}`);
  for (let index = 0; index < count; index++) await sensor.publishAsync('plant/7', `${index}`, { qos: 1 });
  await sensor.endAsync();
}

test('a backup of a running gateway, restored in its stead, delivers what was pending, once', async (t) => {
  const { path } = directory;
  const { gateway, hub } = await startPair(path, { HYPHA_RING_ENCRYPT: 'true' });
  await publish(gateway, 5);
  await stored(hub, 5);
  await hub.stop('SIGKILL');
  await publish(gateway, 20);
  const file = join(path, 'gateway.hypha');
  const made = await gateway.hypha(['backup', file, '--identity', '--json']);
  t.is(made.code, 0, made.stderr);
  t.like(JSON.parse(made.stdout), { file, identity: true });
  t.is(statSync(file).mode & 0o777, 0o600);
  const again = await gateway.hypha(['backup', file]);
  t.is(again.code, 2);
  t.regex(again.stderr, /--force/);
  await gateway.stop('SIGKILL');

  const place = { data: join(path, 'restored'), config: join(path, 'restored.toml') };
  const options = ['--data', place.data, '--config', place.config];
  const restored = await hypha(['restore', file, ...options]);
  t.is(restored.code, 0, restored.stderr);
  t.regex(restored.stdout, /Do not start the node that the backup was made of again/);
  for (const key of ['identity.key', 'ring.key']) t.is(statSync(join(place.data, key)).mode & 0o777, 0o600);
  t.false(readFileSync(join(place.data, 'ring/ring.log')).includes('plant/7'));
  const twice = await hypha(['restore', file, ...options]);
  t.is(twice.code, 1);
  t.regex(twice.stderr, /wanted an empty directory/);

  const hubAgain = await RunningAgent.start(
    { data: hub.data, config: hub.config },
    {
      HYPHA_OVERLAY_LISTEN: JSON.stringify([`tcp://${hub.doors['overlay']}`]),
    },
  );
  const heir = await RunningAgent.start(place);
  const line = await stored(hubAgain, 25);
  t.is(line.stored, 25);
  t.is(line.duplicates, 0);
  const audit = JSON.parse((await heir.hypha(['ring', 'audit', '--json'])).stdout);
  t.true(audit.addsUp);
  await Promise.all([heir.stop(), hubAgain.stop()]);
});

test('a backup that is damaged, or none at all, is refused before anything is written', async (t) => {
  const { path } = directory;
  const file = join(path, 'none.hypha');
  writeFileSync(file, 'not a backup at all, but long enough to be read as one');
  const data = join(path, 'untouched');
  const refused = await hypha(['restore', file, '--data', data]);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /found no backup of hypha/);
  const missing = await hypha(['restore', join(path, 'missing'), '--data', data]);
  t.is(missing.code, 74);
});
