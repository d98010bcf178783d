import test from 'ava';
import type { SealBackend, SealEffect, Sealing } from '#crypto';
import { openSealing, sealFileNames, sodiumBackend } from '#crypto';
import type { PublicKey } from '#kernel';
import { Secret } from '#kernel';
import { Chance, SimulatedDisk, simulatedRandom, World } from '#sim';
import { pair, settle, TestNode } from './kit.ts';

const directory = 'state/seal';
const log = { error() {}, warn() {}, info() {}, debug() {}, with: () => log };

interface Life {
  readonly sealing: Sealing;
  readonly effects: SealEffect[];
}

/** The node of `secret` over a simulated disk; what it announced stands in `effects`. */
async function start(world: World, disk: SimulatedDisk, backend: SealBackend = sodiumBackend()): Promise<Life> {
  const effects: SealEffect[] = [];
  const ports = { disk, random: simulatedRandom(world.chance.fork()), log, uptimeMs: () => world.now };
  const identity = new Secret(Buffer.alloc(32, 2));
  const opening = openSealing(ports, directory, { identity, backend, effect: (effect) => effects.push(effect) });
  let sealing: Sealing | null = null;
  let failed: unknown = null;
  opening.then(
    (opened) => (sealing = opened),
    (error: unknown) => (failed = error),
  );
  await world.run(world.now + 10_000, () => sealing !== null || failed !== null);
  if (sealing === null) throw failed;
  return { sealing, effects };
}

const announced = (effects: readonly SealEffect[]): number[] =>
  effects.flatMap((effect) => (effect.kind === 'announce' ? [effect.epoch] : []));

test('a receive-key survives a power cut at every step of its rotation, if it was announced', async (t) => {
  let steps = 1;
  let cutsAfterAnnouncing = 0;
  for (let cutAt = 1; cutAt <= steps * 2 + 1; cutAt++) {
    for (let seed = 1; seed <= 6; seed++) {
      const world = new World(seed);
      const disk = new SimulatedDisk(world);
      const { sealing, effects } = await start(world, disk);
      const before = disk.operations;
      let images = 0;
      let image: SimulatedDisk | null = null;
      let known: readonly number[] = [];
      disk.onOperation = () => {
        if (++images !== cutAt) return;
        image = disk.afterCut(new World(seed), new Chance(seed));
        known = [1, ...announced(effects)];
      };
      sealing.sealer.rotate();
      sealing.tick();
      await world.run(world.now + 10_000);
      steps = disk.operations - before;
      t.is(sealing.sealer.epoch, 2);
      const cut: SimulatedDisk = image ?? disk.afterCut(new World(seed), new Chance(seed));
      known = image === null ? [1, ...announced(effects)] : known;
      if (known.includes(2)) cutsAfterAnnouncing++;
      const again = new World(seed + 100);
      const next = await start(again, cut.moved(again));
      t.true(next.sealing.sealer.epoch >= Math.max(...known), `cut ${cutAt}, seed ${seed}`);
      t.true(next.sealing.sealer.epoch <= 2);
    }
  }
  t.true(steps >= 5, `${steps} operations`);
  t.true(cutsAfterAnnouncing > 0);
  t.log(
    `${steps} operations of a rotation, each cut before and after; ${cutsAfterAnnouncing} cuts after the announcement`,
  );
});

test('what was sealed to an announced key opens after a power cut and a start', async (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = new World(seed);
    const disk = new SimulatedDisk(world);
    const { sealing } = await start(world, disk);
    const sender = new TestNode(1);
    const key = identityKey(sender);
    sender.sealer.know(key);
    sealing.sealer.know(sender.key);
    sender.run(sender.sealer.learn(key, sealing.sealer.announcement() ?? new Uint8Array()));
    const sealed = sender.sealer.seal(key, Buffer.from('kept'), 'data', 'require');
    disk.powerCut(new Chance(seed));
    const again = new World(seed);
    const { sealing: next } = await start(again, disk.moved(again));
    next.sealer.know(sender.key);
    const opened = next.sealer.open(sealed.ok ? sealed.envelope : new Uint8Array());
    t.is(opened.ok ? Buffer.from(opened.inner).toString() : opened.reason, 'kept');
  }
});

test('a disk that claims to sync and does not loses an announced key: the control of the tests above', async (t) => {
  let lost = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const world = new World(seed);
    const disk = new SimulatedDisk(world);
    disk.faults.ignoreSync = true;
    const { sealing } = await start(world, disk);
    const before = sealing.sealer.announcement() ?? new Uint8Array();
    disk.powerCut(new Chance(seed));
    const again = new World(seed + 7);
    const { sealing: next } = await start(again, disk.moved(again));
    if (Buffer.compare(before, next.sealer.announcement() ?? new Uint8Array()) !== 0) lost++;
  }
  t.true(lost > 0);
});

test('a full or failing disk delays a rotation and nothing else', async (t) => {
  const world = new World(5);
  const disk = new SimulatedDisk(world);
  const { sealing, effects } = await start(world, disk);
  for (const fault of ['failSyncs', 'failWrites'] as const) {
    disk.faults[fault] = 1;
    sealing.sealer.rotate();
    sealing.tick();
    await world.run(world.now + 1000);
    const epoch = sealing.sealer.epoch;
    t.false(announced(effects).includes(epoch + 1));
    await world.run(world.now + 60_000);
    sealing.tick();
    await world.run(world.now + 1000);
    t.is(sealing.sealer.epoch, epoch + 1);
    t.is(announced(effects).at(-1), epoch + 1);
  }
  disk.faults.capacityBytes = disk.usedBytes;
  sealing.sealer.rotate();
  sealing.tick();
  await world.run(world.now + 1000);
  t.is(sealing.sealer.epoch, 3);
});

test('no draft with secrets is left behind by a start', async (t) => {
  const world = new World(5);
  const disk = new SimulatedDisk(world);
  const draft = await run(world, disk.open(`${directory}/receive-keys.draft`, 'create'));
  await run(world, draft.write(Buffer.alloc(100, 7), 0));
  await start(world, disk);
  t.deepEqual(disk.paths(), [`${directory}/${sealFileNames['receive-keys']}`]);
});

test('the files say who has talked to whom, but hold no secret beyond the receive-keys', (t) => {
  const [a, b] = pair();
  b.read(a.seal(b, 'x'));
  b.tick();
  settle(a, b);
  const contacts = Buffer.from(b.contacts ?? []).toString('hex');
  for (const secret of [a.secret, b.secret]) t.false(contacts.includes(secret.toString('hex')));
  t.false(
    Buffer.from(b.receiveKeys ?? [])
      .toString('hex')
      .includes(b.secret.toString('hex')),
  );
});

function identityKey(node: TestNode): PublicKey {
  const point = Buffer.alloc(32);
  node.backend.publicOf(point, Buffer.alloc(32, 2));
  return point.toString('hex') as PublicKey;
}

async function run<T>(world: World, work: Promise<T>): Promise<T> {
  let isDone = false;
  void work.then(() => (isDone = true));
  await world.run(world.now + 1000, () => isDone);
  return work;
}
