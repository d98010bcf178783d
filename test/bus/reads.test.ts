import test from 'ava';
import type { Cursor } from '#ring';
import { pair } from '../sim/scene.ts';
import { arrived, inboundOf, serving, sound, start, streamOf } from './kit.ts';

/** A cursor whose next reads fail, or give nothing though there is something. */
function ailing(cursor: Cursor, ills: ('rejects' | 'nothing')[]): Cursor {
  return new Proxy(cursor, {
    get: (target, name) => {
      if (name === 'read' && ills.length > 0) {
        return () => (ills.shift() === 'rejects' ? Promise.reject(new Error('no disk')) : Promise.resolve([]));
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

for (const ill of ['rejects', 'nothing'] as const) {
  test(`a stream whose reads give ${ill === 'nothing' ? 'nothing' : 'an error'} tries again by itself, ever more rarely`, async (t) => {
    const [planA, planB] = pair();
    if (planA === undefined || planB === undefined) return t.fail();
    const scene = await serving([{ ...planA, links: [] }, planB]);
    const [a, b] = [scene.agent('a'), scene.agent('b')];
    const to = b.identity.publicKey;
    const cursor = a.life?.ring.cursor({ name: 'link/ailing', filters: ['#'], except: to, from: 'now' });
    if (cursor === undefined) return t.fail();
    const ills = Array.from({ length: 6 }, () => ill);
    a.publish(10, 1, () => 'plant/1');
    await scene.run(100);
    const rule = { prefix: '', maxQos: 2, retain: true } as const;
    a.life?.bus.open({ to, lane: 1, cursor: ailing(cursor, ills), rule: () => rule });
    await scene.run(20_000);
    t.is(ills.length, 1, 'after 0, 1, 3, 7 and 15 s');
    t.true(await scene.until(() => arrived(scene), 60_000));
    t.deepEqual(sound(scene), []);
    return undefined;
  });
}

test('a read that fails while the stream goes over what is known makes nothing go twice', async (t) => {
  const scene = await serving();
  const [a, b] = [scene.agent('a'), scene.agent('b')];
  const to = b.identity.publicKey;
  a.publish(100, 1, () => 'plant/1');
  await scene.until(() => scene.ledger.foundOf('b', ['a']) === 100, 10_000);
  a.die('power');
  await start(scene, a);
  a.life?.bus.close(to, 1);
  const cursor = a.life?.ring.cursor({ name: 'link/ailing', filters: ['#'], except: to, from: 'oldest' });
  if (cursor === undefined) return t.fail();
  const rule = { prefix: '', maxQos: 2, retain: true } as const;
  a.life?.bus.open({ to, lane: 1, cursor: ailing(cursor, ['rejects', 'nothing']), rule: () => rule });
  t.true(await scene.until(() => streamOf(a)?.delivered === 100, 60_000));
  await scene.run(1_000);
  t.is(inboundOf(b)?.duplicates, 0);
  t.is(scene.ledger.foundOf('b', ['a']), 100);
  return undefined;
});
