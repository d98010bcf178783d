import type { ExecutionContext, TestFn } from 'ava';
import { type ByteLink, type LinkEvents, type Net, type NetworkKey, type ProxyServer, Secret } from '#kernel';
import { tls } from '../../agent/overlay/transport/tls/transport.ts';
import { type NetUnderTest, Recorder } from './net.ts';

export const plant: NetworkKey = { name: 'plant', key: new Secret(Buffer.alloc(32, 7)) };
const otherKey: NetworkKey = { name: 'plant', key: new Secret(Buffer.alloc(32, 8)) };
const otherName: NetworkKey = { name: 'office', key: new Secret(Buffer.alloc(32, 7)) };

/** A network whose links are made as the overlay makes those of `tls://`, to be held to what every network promises. */
export function securedNet(net: Net, network: NetworkKey, proxy: ProxyServer | null = null): Net {
  const ground = { net, clock: { soon: () => {} }, network };
  return {
    ...net,
    dial: (to, events) => tls.dial(ground, to, proxy, events),
    listen: (at, accept) =>
      net.listen(at, (link, from) => {
        const secured = tls.accept(ground, link, {
          opened: () => {},
          received: (bytes) => events.received(bytes),
          drained: () => events.drained(),
          closed: (cause) => events.closed(cause),
        });
        const events = accept(secured, from);
        return nothing;
      }),
  };
}

const nothing: LinkEvents = { opened: () => {}, received: () => {}, drained: () => {}, closed: () => {} };

const codeOf = (end: Recorder): unknown => (end.cause as (Error & { code?: string }) | null)?.code;

/** What every implementation of `Net.secure` promises when the far side is not what it should be. */
export function secureContract(test: TestFn, name: string, make: () => NetUnderTest): void {
  const promise = (title: string, run: (t: ExecutionContext, under: NetUnderTest) => Promise<void>) =>
    test(`${name}: ${title}`, (t) => run(t, make()));

  /** One side with each key; what became of both. */
  async function meet({ net, local, until }: NetUnderTest, near: NetworkKey, far: NetworkKey): Promise<Recorder[]> {
    const [nearEnd, farEnd] = [new Recorder(), new Recorder()];
    const listener = await net.listen(local, (link) => {
      net.secure(link, 'accepted', far, farEnd);
      return nothing;
    });
    let secured: ByteLink | null = null;
    const link = net.dial(listener.at, {
      ...nothing,
      opened: () => {
        secured = net.secure(link, 'dialled', near, nearEnd);
      },
    });
    await until(() => nearEnd.history.length > 0 && farEnd.history.length > 0);
    (secured ?? link).destroy();
    await until(() => nearEnd.isClosed && farEnd.isClosed);
    await listener.close();
    return [nearEnd, farEnd];
  }

  promise('both sides are told that the link is open, once each has shown the key', async (t, under) => {
    const [near, far] = await meet(under, plant, plant);
    t.deepEqual([near?.history[0], far?.history[0]], ['opened', 'opened']);
  });

  for (const [what, key] of [
    ['another key', otherKey],
    ['another name', otherName],
  ] as const) {
    promise(`${what} opens nothing, and both sides learn why`, async (t, under) => {
      const ends = await meet(under, key, plant);
      for (const end of ends) {
        await under.until(() => end.isClosed);
        t.deepEqual([end.history, codeOf(end)], [['closed'], 'net/wrong-key']);
        t.false(String(end.cause?.message).includes('070707'), 'the key stays secret');
      }
    });
  }

  promise('a far side that speaks something else ends the link with its cause', async (t, under) => {
    const [nearEnd, farEnd] = [new Recorder(), new Recorder()];
    const { net, until } = under;
    const listener = await net.listen(under.local, (link) => {
      net.secure(link, 'accepted', plant, farEnd);
      return nothing;
    });
    const link = net.dial(listener.at, nearEnd);
    link.write(Buffer.alloc(64, 'GET / HTTP/1.1\r\n'));
    await until(() => farEnd.isClosed);
    t.deepEqual(farEnd.history, ['closed']);
    t.true(farEnd.cause instanceof Error);
    await until(() => nearEnd.isClosed);
    await listener.close();
  });

  promise('a far side that says nothing holds the link for as long as its owner lets it', async (t, under) => {
    const [nearEnd, farEnd] = [new Recorder(), new Recorder()];
    const { net, until } = under;
    const listener = await net.listen(under.local, () => farEnd);
    const link = net.dial(listener.at, {
      ...nothing,
      opened: () => {
        secured = net.secure(link, 'dialled', plant, nearEnd);
      },
    });
    let secured = link;
    await until(() => farEnd.bytes > 0);
    t.deepEqual(nearEnd.history, []);
    secured.destroy();
    await until(() => nearEnd.isClosed && farEnd.isClosed);
    t.deepEqual(nearEnd.history, ['closed']);
    await listener.close();
  });
}
