import test from 'ava';
import { batchRecords } from '../../agent/bus/packer.ts';
import type { AgentScene } from '../sim/scene.ts';
import { linkTo, pair } from '../sim/scene.ts';
import { serving, settled, sound, streamOf } from './kit.ts';

for (const [what, delayMs] of [
  ['a swift link and a far ring that syncs slowly have more batches under way', 1],
  ['on a slow link no more batches wait than fill it', 200],
] as const) {
  test(what, async (t) => {
    const scene = await serving();
    const [a, b] = [scene.agent('a'), scene.agent('b')];
    scene.network.setPath('a', 'b', { delayMs, jitterMs: 0 });
    b.disk.faults.syncMs = 20;
    let most = 0;
    const done = (): boolean => {
      most = Math.max(most, streamOf(a)?.inFlight ?? 0);
      return settled(scene);
    };
    for (let round = 0; round < 30; round++) {
      a.publish(500, 1, () => 'plant/1');
      await scene.run(5);
    }
    t.true(await scene.until(done, 120_000));
    t.is(most > 8 * batchRecords, delayMs < 100, `${most} records under way`);
    t.deepEqual(sound(scene), []);
  });
}

test('what a lane sends, and what is answered to it, goes in its turn: urgent first, bulk last', async (t) => {
  const links = ([0, 1, 2] as const).map((lane) => linkTo('b', { topics: [`${lane}/#`], lane, name: `b${lane}` }));
  const scene = await serving(pair().map((plan) => (plan.name === 'a' ? { ...plan, links } : { ...plan, links: [] })));
  for (const lane of [2, 0, 1] as const) {
    const found = { a: priorities(scene, 'a'), b: priorities(scene, 'b') };
    scene.agent('a').publish(20, lane, () => `${lane}/x`);
    t.true(await scene.until(() => settled(scene), 5_000));
    await scene.run(1_000);
    t.true(found.a.length > 1 && found.b.length > 1, `lane ${lane}`);
    t.deepEqual([...new Set([...found.a, ...found.b])], [lane]);
  }
});

/** Of every message that it hands to its overlay from now on. */
function priorities(scene: AgentScene, name: string): (number | undefined)[] {
  const { life } = scene.agent(name);
  const found: (number | undefined)[] = [];
  if (life === null) return found;
  const { overlay } = life;
  const send = overlay.send.bind(overlay);
  overlay.send = (message) => {
    found.push(message.priority);
    return send(message);
  };
  return found;
}
