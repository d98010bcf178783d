import test from 'ava';
import { Scene } from './nodes.ts';

const hour = 3_600_000;

test('in 24 hours of keep-alives nothing grows, no link is lost, and no route changes', async (t) => {
  const scene = new Scene(61);
  scene.network.setDefaults({ delayMs: 15, jitterMs: 5 });
  const a = await scene.node('a');
  const b = await scene.node('b', ['a']);
  const c = await scene.node('c', ['b', 'a']);
  const d = await scene.node('d', ['c']);
  const nodes = [a, b, c, d];
  t.true(await scene.until(() => a.overlay.reachable(d.overlay.publicKey), 10_000));
  /** In use all the time, so that the way must not end. */
  const use = async (forMs: number): Promise<boolean> => {
    for (let passed = 0; passed < forMs; passed += hour / 120) {
      await scene.run(hour / 120);
      if (!a.overlay.reachable(d.overlay.publicKey)) return false;
    }
    return true;
  };
  t.true(await use(hour));
  const gauges = ['routes', 'sources', 'queries', 'seqno_requests', 'waiting_packets', 'links_open'] as const;
  const held = () => nodes.map(({ overlay }) => gauges.map((name) => overlay.counters[name] ?? 0));
  const before = held();
  const opened = nodes.map(({ overlay }) => overlay.counters['links_opened']);
  const sentBefore = nodes.map(({ overlay }) => overlay.counters['tx_bytes'] ?? 0);
  let changes = 0;
  for (const { overlay } of nodes) overlay.onRoute(() => changes++);
  t.true(await use(24 * hour), 'the way is lost');
  const after = held();
  for (const [index, gauge] of after.entries()) {
    for (const [at, value] of gauge.entries())
      t.true(value <= (before[index]?.[at] ?? 0) + 1, `${gauges[at]} of ${index}: ${value}`);
  }
  t.deepEqual(
    nodes.map(({ overlay }) => overlay.counters['links_opened']),
    opened,
  );
  t.true(changes <= 8, `${changes} changes of routes`);
  const perLink = nodes.map(({ overlay }, index) => {
    const bytes = (overlay.counters['tx_bytes'] ?? 0) - (sentBefore[index] ?? 0);
    return Math.round(bytes / 24 / (overlay.counters['links_open'] ?? 1));
  });
  t.true(Math.max(...perLink) < 10_000, `bytes an hour and link: ${perLink.join(', ')}`);
  t.log(`${changes} changes of routes; bytes sent an hour and link: ${perLink.join(', ')}`);
  d.say(a.overlay.publicKey, 'good morning');
  t.true(await scene.until(() => a.received.length === 1, 10_000));
});
