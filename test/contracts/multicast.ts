import type { ExecutionContext, TestFn } from 'ava';
import type { DatagramSource, Endpoint, Net } from '#kernel';

/** Two hosts on one wire, each with the interface `name`. */
export interface WireUnderTest {
  readonly near: { readonly net: Net; readonly name: string };
  readonly far: { readonly net: Net; readonly name: string };
  readonly group: Endpoint;
  until(done: () => boolean): Promise<void>;
}

interface Heard {
  readonly texts: string[];
  readonly sources: DatagramSource[];
}

function ear(): Heard & { readonly heard: (datagram: Uint8Array, from: DatagramSource) => void } {
  const [texts, sources]: [string[], DatagramSource[]] = [[], []];
  const heard = (datagram: Uint8Array, from: DatagramSource): void => {
    texts.push(Buffer.from(datagram).toString());
    sources.push(from);
  };
  return { texts, sources, heard };
}

/** What every implementation of `Net.multicast` promises, on a wire that loses nothing. */
export function multicastContract(
  test: TestFn,
  name: string,
  make: (t: ExecutionContext) => Promise<WireUnderTest | null>,
): void {
  const promise = (title: string, run: (t: ExecutionContext, under: WireUnderTest) => Promise<void>) =>
    test.serial(`${name}: ${title}`, async (t) => {
      const under = await make(t);
      if (under === null) t.pass('skipped');
      else await run(t, under);
    });

  promise('a member hears what a neighbour sends, whole, and where it comes from', async (t, under) => {
    const { near, far, group, until } = under;
    const [nearEar, farEar] = [ear(), ear()];
    const [a, b] = [await near.net.multicast(group, nearEar.heard), await far.net.multicast(group, farEar.heard)];
    t.true(a.join(near.name));
    t.true(b.join(far.name));
    t.true(b.join(far.name), 'twice changes nothing');
    a.send(Buffer.from('hello'), near.name);
    await until(() => farEar.texts.includes('hello'));
    const [source] = farEar.sources;
    t.is(source?.interface, far.name);
    b.send(Buffer.from('and back'), far.name);
    await until(() => nearEar.texts.includes('and back'));
    t.deepEqual(farEar.texts.filter((text) => text === 'hello').length, 1);
    await a.close();
    await b.close();
  });

  promise('the source is an address that can be dialled back', async (t, under) => {
    const { near, far, group, until } = under;
    const farEar = ear();
    let accepted = 0;
    const ends: (() => void)[] = [];
    const listener = await near.net.listen({ host: '::', port: 0 }, (link) => {
      accepted++;
      ends.push(() => link.destroy());
      return { opened: () => {}, received: () => {}, drained: () => {}, closed: () => {} };
    });
    const [a, b] = [await near.net.multicast(group, () => {}), await far.net.multicast(group, farEar.heard)];
    b.join(far.name);
    a.send(Buffer.from(`${listener.at.port}`), near.name);
    await until(() => farEar.sources.length > 0);
    const host = farEar.sources[0]?.host ?? '';
    const events = { opened: () => {}, received: () => {}, drained: () => {}, closed: () => {} };
    const link = far.net.dial({ host, port: listener.at.port }, events);
    await until(() => accepted === 1);
    t.is(accepted, 1);
    link.destroy();
    for (const end of ends) end();
    await listener.close();
    await a.close();
    await b.close();
  });

  promise('who has not joined, has left or has closed hears nothing', async (t, under) => {
    const { near, far, group, until } = under;
    const [never, left, stays] = [ear(), ear(), ear()];
    const a = await near.net.multicast(group, () => {});
    const [b, c, d] = [
      await far.net.multicast(group, never.heard),
      await far.net.multicast(group, left.heard),
      await far.net.multicast(group, stays.heard),
    ];
    t.true(d.join(far.name));
    await b.close();
    t.false(b.join(far.name), 'closed');
    t.true(c.join(far.name));
    await c.close();
    a.send(Buffer.from('once'), near.name);
    await until(() => stays.texts.length === 1);
    t.deepEqual([never.texts, left.texts], [[], []]);
    d.leave(far.name);
    d.leave(far.name);
    await a.close();
    await d.close();
  });

  promise(
    'an interface that is not there is not joined, and sending there harms nothing',
    async (t, { near, group }) => {
      const a = await near.net.multicast(group, () => {});
      t.false(a.join('nowhere0'));
      a.leave('nowhere0');
      a.send(Buffer.from('lost'), 'nowhere0');
      await a.close();
    },
  );

  promise('the interfaces are listed, those of the wire with a link-local address', async (t, { near }) => {
    const found = near.net.interfaces().find(({ name: listed }) => listed === near.name);
    t.true(found?.hasLinkLocal);
    t.true((found?.addresses.length ?? 0) > 0);
    t.false(near.net.interfaces().some(({ name: listed }) => listed === 'lo'));
  });
}
