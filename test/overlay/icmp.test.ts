import test from 'ava';
import { subnetOf } from '#crypto';
import type { Address } from '#kernel';
import { plaintextKind } from '../../agent/overlay/wire/data.ts';
import { encodeIcmp } from '../../agent/overlay/wire/icmp.ts';
import { type Node, Scene } from './nodes.ts';
import { Speaker } from './speaker.ts';

const count = (node: Node, name: string): number => node.overlay.counters[name] ?? 0;

test('a packet that has come too far, or whose destination was lost a moment ago, is answered with what died and why', async (t) => {
  const scene = new Scene(71);
  const a = await scene.node('a');
  const c = await scene.node('c', ['a']);
  const speaker = new Speaker(scene, a);
  t.true(await scene.until(() => a.overlay.reachable(c.overlay.publicKey), 5_000));
  speaker.send(a, c.overlay.address, 1, plaintextKind.message, Buffer.from('too far'));
  t.true(await scene.until(() => speaker.told.length === 1, 5_000));
  c.host.crash('killed');
  await scene.run(100);
  speaker.send(a, c.overlay.address, 60, plaintextKind.message, Buffer.from('too late'));
  t.true(await scene.until(() => speaker.told.length === 2, 5_000));
  const said = speaker.told.map(({ icmp }) => [icmp.reason, icmp.destination, icmp.sender]);
  const { address } = speaker.identity;
  t.deepEqual(said, [
    ['hop-limit', c.overlay.address, address],
    ['no-route', c.overlay.address, address],
  ]);
  for (const { source } of speaker.told)
    t.is(source, `${subnetOf(a.overlay.address)}${'0'.repeat(16)}` as string as Address);
  await scene.run(10_000);
  speaker.send(a, c.overlay.address, 60, plaintextKind.message, Buffer.from('long after'));
  await scene.run(30_000);
  t.is(speaker.told.length, 2, 'for what has not been known for a while nothing comes back');
});

test('a flood of dying packets is answered at a bounded rate, and an answer is never answered', async (t) => {
  const scene = new Scene(72);
  const a = await scene.node('a');
  const speaker = new Speaker(scene, a);
  await scene.run(1_000);
  for (let packets = 0; packets < 5_000; packets++) {
    speaker.send(a, a.overlay.address, 1, plaintextKind.message, Buffer.from('x'));
    if (packets % 100 === 0) await scene.run(10);
  }
  await scene.run(1_000);
  t.true(speaker.told.length <= 200 + 50 * 3, `${speaker.told.length} answers`);
  t.true(speaker.told.length >= 200);
  const before = count(a, 'icmp_sent');
  const { address: sender } = speaker.identity;
  const death = {
    reason: 'no-route',
    destination: a.overlay.address,
    router: sender,
    sender,
    payload: Buffer.alloc(40),
  } as const;
  await scene.run(5_000);
  speaker.send(a, a.overlay.address, 60, plaintextKind.icmp, encodeIcmp(death));
  speaker.send(a, a.overlay.address, 60, plaintextKind.icmp, encodeIcmp(death).subarray(1));
  await scene.run(1_000);
  t.is(count(a, 'icmp_received'), 1);
  t.is(count(a, 'icmp_refused'), 1);
  t.is(count(a, 'icmp_sent'), before);
});
