import { connect, createServer, type Socket } from 'node:net';
import test from 'ava';
import { eventually, member } from './member.ts';

for (const [what, listen, dial] of [
  ['IPv4', '127.0.0.1', '127.0.0.1'],
  ['IPv6', '::1', '::1'],
  ['whatever its name stands for', '127.0.0.1', 'localhost'],
] as const) {
  test(`a peer is dialled over ${what}`, async (t) => {
    const hub = await member(t, { listen: [{ host: listen, port: 0 }] });
    const node = await member(t, { listen: [], peers: [{ host: dial, port: hub.port }] });
    node.say(hub, 'hello');
    await eventually(() => hub.received.length === 1);
    t.like(node.peer('static'), { state: 'alive', why: null, failures: 0, via: null });
  });
}

test('a name that does not exist is said to be one', async (t) => {
  const node = await member(t, { listen: [], peers: [{ host: 'no-such-host.invalid', port: 1 }] });
  await eventually(() => (node.peer('static')?.failures ?? 0) > 0);
  t.regex(
    node.peer('static')?.why ?? '',
    /no-such-host\.invalid:1: (no such name|the name could not be looked up now)/,
  );
});

test('a link that falls silent under traffic is given up in about eight seconds, and the next one carries on', async (t) => {
  const hub = await member(t);
  const links: Socket[] = [];
  // Takes bytes and passes none on, as a NAT box that has forgotten the connection: the kernels go on acknowledging.
  const box = createServer((near) => {
    const far = connect(hub.port, '127.0.0.1');
    for (const end of [near, far]) end.on('error', () => {});
    near.pipe(far).pipe(near);
    links.push(near, far);
  });
  await new Promise<void>((resolve) => box.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    box.close();
    for (const link of links) link.destroy();
  });
  const at = box.address();
  const port = at !== null && typeof at === 'object' ? at.port : 0;
  const node = await member(t, { listen: [], peers: [{ host: '127.0.0.1', port }] });
  node.say(hub, 'before');
  await eventually(() => hub.received.length === 1);
  const forgotten = links.splice(0);
  for (const link of forgotten) {
    link.unpipe();
    link.resume();
  }
  node.say(hub, 'into the silence');
  await eventually(() => hub.received.length === 2);
  t.is(node.overlay.counters['links_dead_silent'], 1);
  t.is(node.overlay.counters['links_opened'], 2);
  for (const link of forgotten) link.destroy();
});
