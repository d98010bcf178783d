import test from 'ava';
import type { ByteLink, LinkEvents, Net } from '#kernel';
import type { SimulatedHost } from '#sim';
import { Scene } from './nodes.ts';

/** More than a node puts on a link of its own accord, less than the link takes. */
const fullBytes = 1536 * 1024;

/** A host whose links say that so much waits on them as the test wants. */
class Crowded {
  isFull = false;
  events: LinkEvents | null = null;
  readonly host: SimulatedHost;

  constructor(host: SimulatedHost) {
    const dial: Net['dial'] = (to, events) => {
      this.events = events;
      return this.#crowd(host.net.dial(to, events));
    };
    const net: Net = Object.create(host.net, { dial: { value: dial } });
    this.host = Object.create(host, { net: { value: net } });
  }

  #crowd(link: ByteLink): ByteLink {
    const queued = (): number => (this.isFull ? fullBytes : link.queuedBytes);
    return {
      ...link,
      get queuedBytes() {
        return queued();
      },
    };
  }
}

test('in the moment in which a link has drained its node goes on with a long message', async (t) => {
  const scene = new Scene(41);
  scene.network.setPath('a', 'b', { delayMs: 50 });
  scene.network.setPath('b', 'a', { delayMs: 50 });
  const a = await scene.node('a');
  const crowded = new Crowded(scene.network.boot('b'));
  const b = scene.made(crowded.host, scene.world.chance.bytes(32), ['a'], { listen: [] });
  await b.overlay.start();
  const count = (name: string): number => b.overlay.counters[name] ?? 0;
  b.say(a.overlay.publicKey, 'the first asks');
  t.true(await scene.until(() => a.received.length === 1, 5_000));
  await scene.run(2_000);
  b.say(a.overlay.publicKey, Buffer.alloc(60_000_000));
  t.true(await scene.until(() => count('path_packets_sent') > 100, 20_000));
  crowded.isFull = true;
  await scene.run(1_000);
  crowded.isFull = false;
  const before = count('path_packets_sent');
  crowded.events?.drained();
  t.true(count('path_packets_sent') > before);
});
