import test from 'ava';
import { archiveOf, entriesOf } from '../../agent/app/backup/archive.ts';
import { backupOfRunning } from '../../agent/app/backup/source.ts';
import type { SimulatedAgent } from '../sim/agent.ts';
import { SimulatedDisk } from '../sim/disk.ts';
import type { AgentScene } from '../sim/scene.ts';
import { linkTo } from '../sim/scene.ts';
import { serving, sound, start, streamOf } from './kit.ts';

const oneWay = (ring = {}) => [
  { name: 'a', peers: ['b'], links: [linkTo('b')], accepts: [], ring },
  { name: 'b', peers: [], links: [], accepts: [{ from: 'a', topics: ['#'] }], ring: {} },
];

/** What a running agent gives, and what its ledger has to forget when that is restored. */
async function backedUp(scene: AgentScene, agent: SimulatedAgent): Promise<{ pieces: Buffer[]; forfeit: () => void }> {
  const { life } = agent;
  if (life === null) throw new Error('it does not run');
  const pieces: Buffer[] = [];
  let done = false;
  const forfeit = scene.ledger.imaged(agent.plan.name);
  const work = (async () => {
    for await (const piece of backupOfRunning(agent.disk, '', life.ring)) pieces.push(piece);
    done = true;
  })();
  await scene.until(() => done, 60_000);
  await work;
  return { pieces, forfeit };
}

async function restored(scene: AgentScene, pieces: readonly Buffer[]): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk(scene.world, scene.world.chance.fork());
  async function* chunks() {
    yield* pieces;
  }
  const files = new Map<string, Awaited<ReturnType<SimulatedDisk['open']>>>();
  const work = (async () => {
    for await (const entry of entriesOf(chunks())) {
      const file = files.get(entry.path) ?? (await disk.open(`/${entry.path}`, 'create'));
      files.set(entry.path, file);
      if (entry.kind === 'bytes') await file.write(entry.bytes, entry.offset);
      else for (const [path, each] of files) if (path.startsWith(entry.path)) await each.truncate(0);
    }
    for (const file of files.values()) await file.sync();
    await disk.syncDirectory('/ring');
    return true;
  })();
  let done = false;
  void work.then(() => {
    done = true;
  });
  await scene.until(() => done, 60_000);
  await work;
  return disk;
}

test('a backup of a running agent, restored, loses nothing that was pending and doubles nothing that had crossed since', async (t) => {
  const scene = await serving(oneWay());
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  a.publish(100, 1, (id) => `plant/${id % 5}`);
  await scene.until(() => streamOf(a)?.pending === 0, 20_000);
  b.die('killed');
  for (let round = 0; round < 30; round++) {
    a.publish(50, 1, (id) => `plant/${id % 5}`);
    await scene.run(20);
  }
  await scene.until(() => scene.ledger.undecided('a') === 0, 5_000);
  const { pieces, forfeit } = await backedUp(scene, a);
  await start(scene, b);
  await scene.until(() => scene.ledger.foundOf('b', ['a']) > 700, 60_000);
  a.publish(300, 1, (id) => `plant/${id % 5}`);
  await scene.run(2_000);
  a.die('power');
  a.restore(await restored(scene, pieces));
  forfeit();
  a.restored = true;
  await start(scene, a);
  a.publish(40, 1, (id) => `plant/${id % 5}`);
  const all = () =>
    scene.ledger.undecided('a') === 0 && streamOf(a)?.pending === 0 && scene.ledger.missing('b', ['a']).length === 0;
  t.true(await scene.until(all, 120_000));
  t.deepEqual(sound(scene), []);
  const alarms = [...(a.life?.bus.alarms() ?? []), ...(b.life?.bus.alarms() ?? [])];
  t.deepEqual(
    alarms.map(({ what, expected }) => [what, expected]),
    [['ours', true]],
    'it knows why',
  );
  t.is(a.life?.bus.counters.wentBack, 0);
  t.is(b.life?.bus.counters.farEndWentBack, 0);
  const account = a.life?.ring.cursors().find(({ name }) => name.startsWith('link/'))?.account;
  t.is(account?.matched, account?.settled);
});

test('a backup while a small ring goes round under load is one moment of it', async (t) => {
  const scene = await serving(oneWay({ sizeBytes: 1 << 20, full: 'drop-oldest' }));
  const a = scene.agent('a');
  for (let round = 0; round < 40; round++) scene.world.plan(round * 10, () => a.publish(20, 1, () => 'plant/1', 500));
  await scene.run(200);
  const { pieces, forfeit } = await backedUp(scene, a);
  await scene.run(1_000);
  a.die('power');
  a.restore(await restored(scene, pieces));
  forfeit();
  await start(scene, a);
  t.is(a.life?.ring.status.damagedBatches, 0);
  t.is(a.life?.ring.status.damagedRecords, 0);
  a.publish(5, 1, () => 'plant/1');
  t.true(await scene.until(() => scene.ledger.undecided('a') === 0 && streamOf(a)?.pending === 0, 60_000));
  t.deepEqual(sound(scene), []);
  t.deepEqual(scene.ledger.missing('b', ['a']), []);
});

test('an archive that was cut short or changed anywhere is refused', async (t) => {
  async function* some() {
    yield { kind: 'bytes', path: 'ring/ring.log', offset: 4096, bytes: Buffer.alloc(5000, 7) } as const;
    yield { kind: 'again', path: 'ring' } as const;
    yield { kind: 'bytes', path: 'inbox/0000000000000001', offset: 0, bytes: Buffer.from('message') } as const;
  }
  const pieces: Buffer[] = [];
  for await (const piece of archiveOf(some())) pieces.push(piece);
  const whole = Buffer.concat(pieces);
  const read = async (bytes: Buffer): Promise<number> => {
    let entries = 0;
    async function* chunks() {
      for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700);
    }
    for await (const _ of entriesOf(chunks())) entries++;
    return entries;
  };
  t.is(await read(whole), 3);
  for (let at = 0; at < whole.length; at += 97) {
    await t.throwsAsync(read(whole.subarray(0, at)), { code: 'backup/damaged' });
    const changed = Buffer.from(whole);
    changed.writeUInt8(changed.readUInt8(at) ^ 4, at);
    await t.throwsAsync(read(changed), { code: 'backup/damaged' });
  }
});
