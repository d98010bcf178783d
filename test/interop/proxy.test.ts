import { randomBytes } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type PeerEndpoint, type ProxyServer, Secret } from '#kernel';
import { realNet } from '#platform';
import { netContract } from '../contracts/net.ts';
import { plant, securedNet } from '../contracts/secure.ts';
import { unusedPort } from '../contracts/unused-port.ts';
import { eventually, member, networkOf } from './member.ts';
import { hasMicrosocks, hasTinyproxy, microsocks, tinyproxy } from './proxy-server.ts';

/** Before the first test is declared, because the runner wants no waiting after it. */
const stops: (() => void)[] = [];
const shared = hasMicrosocks ? await microsocks({ teardown: (run) => stops.push(run) }) : null;
const deaf = await unusedPort();
test.after.always(() => {
  for (const stop of stops) stop();
});

const login = { user: 'gateway', password: 'hush: p@ss/wörd' };
const plainLogin = { user: 'gateway', password: 'hush' };

const proxies = [
  { name: 'microsocks (SOCKS5)', isHere: hasMicrosocks, start: microsocks, login },
  { name: 'tinyproxy (HTTP CONNECT)', isHere: hasTinyproxy, start: tinyproxy, login: plainLogin },
] as const;

const withPassword = (proxy: ProxyServer, password: string): ProxyServer => ({
  ...proxy,
  credentials: { user: 'gateway', password: new Secret(Buffer.from(password)) },
});

/** A hub, and a node whose links go through the proxy. */
async function crossing(t: ExecutionContext, proxy: ProxyServer, peer: Partial<PeerEndpoint> = {}) {
  const hub = await member(t);
  const node = await member(t, { proxy, listen: [], peers: [{ host: '127.0.0.1', port: hub.port, ...peer }] });
  return { hub, node };
}

for (const { name, isHere, start, login: right } of proxies) {
  const withProxy = isHere ? test : test.skip;
  if (!isHere) console.log(`skipped: links through ${name}, which is not installed`);

  withProxy(`${name}: a link goes through it, by address and by name`, async (t) => {
    const proxy = await start(t);
    for (const host of ['127.0.0.1', 'localhost']) {
      const { hub, node } = await crossing(t, proxy, { host });
      node.say(hub, 'through the proxy');
      await eventually(() => hub.received.length === 1);
      t.like(node.peer('static'), { state: 'alive', via: `${proxy.kind}://127.0.0.1:${proxy.port}`, why: null });
    }
  });

  withProxy(`${name}: with user and password, and over TLS`, async (t) => {
    const proxy = await start(t, right);
    const network = networkOf('plant', randomBytes(32));
    const hub = await member(t, { network });
    const node = await member(t, { network, proxy, listen: [], peers: [{ host: '127.0.0.1', port: hub.port }] });
    node.say(hub, 'through the proxy, encrypted');
    await eventually(() => hub.received.length === 1);
    t.regex(node.peer('static')?.endpoint ?? '', /^tls:/);
  });

  withProxy(`${name}: a wrong password is said as such, and no password is ever told`, async (t) => {
    const proxy = await start(t, right);
    for (const credentials of [withPassword(proxy, 'wrong-password'), { ...proxy, credentials: null }]) {
      const { node } = await crossing(t, credentials);
      await eventually(() => (node.peer('static')?.failures ?? 0) > 0);
      t.regex(
        node.peer('static')?.why ?? '',
        /proxy: it (refuses the user or the password|wants a user and a password)/,
      );
      const told = JSON.stringify([node.logged, node.overlay.peers(), node.overlay.counters]);
      t.false(told.includes('wrong-password') || told.includes('hush'));
    }
  });

  withProxy(`${name}: a target where nobody listens is told apart from a proxy that is not there`, async (t) => {
    const proxy = await start(t);
    const { node } = await crossing(t, proxy, { port: deaf });
    await eventually(() => (node.peer('static')?.failures ?? 0) > 0);
    t.regex(node.peer('static')?.why ?? '', /^(SOCKS5|HTTP) proxy: (connection refused|status 50\d|general failure)/);
    const { node: lost } = await crossing(t, { ...proxy, port: deaf });
    await eventually(() => (lost.peer('static')?.failures ?? 0) > 0);
    t.regex(
      lost.peer('static')?.why ?? '',
      new RegExp(`proxy ${proxy.kind}://127.0.0.1:${deaf}: .*nobody listens there`),
    );
  });

  withProxy(`${name}: a peer may have a proxy of its own, or none where the node has one`, async (t) => {
    const proxy = await start(t);
    const nowhere: ProxyServer = { kind: 'socks5', host: '127.0.0.1', port: await unusedPort(), credentials: null };
    for (const own of [proxy, null]) {
      const { node } = await crossing(t, nowhere, { proxy: own });
      await eventually(() => node.peer('static')?.state === 'alive');
      t.is(node.peer('static')?.via, own === null ? null : `${own.kind}://127.0.0.1:${own.port}`);
    }
  });
}

if (shared !== null) {
  netContract(test, 'tls through SOCKS5', () => ({
    net: securedNet(realNet, plant, shared),
    local: { host: '127.0.0.1', port: 0 },
    deaf: { host: '127.0.0.1', port: deaf },
    until: async (done) => {
      while (!done()) await setImmediate();
    },
  }));
}

/** A proxy that answers what it is told to. */
async function fakeProxy(
  t: ExecutionContext,
  kind: ProxyServer['kind'],
  serve: (socket: Socket) => void,
): Promise<ProxyServer> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    serve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = server.address();
  t.teardown(() => server.close());
  return { kind, host: '127.0.0.1', port: at !== null && typeof at === 'object' ? at.port : 0, credentials: null };
}

test('a proxy that never ends its answer is given up when it has said 8 KiB', async (t) => {
  const proxy = await fakeProxy(t, 'http', (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n');
    const drip = setInterval(() => socket.write(`X-Filler: ${'x'.repeat(1000)}\r\n`), 1);
    socket.once('close', () => clearInterval(drip));
  });
  const { node } = await crossing(t, proxy);
  await eventually(() => (node.peer('static')?.failures ?? 0) > 0);
  t.regex(node.peer('static')?.why ?? '', /HTTP proxy: found another protocol/);
});

test('something that is no proxy is said to be none', async (t) => {
  for (const kind of ['http', 'socks5'] as const) {
    const proxy = await fakeProxy(t, kind, (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n\r\n'));
    const { node } = await crossing(t, proxy);
    await eventually(() => (node.peer('static')?.failures ?? 0) > 0);
    t.regex(node.peer('static')?.why ?? '', /found another protocol/);
  }
});

test('what comes right behind the answer of a proxy is the first of the peer', async (t) => {
  const hub = await member(t);
  const proxy = await fakeProxy(t, 'http', (socket) => {
    socket.once('data', () => {
      const far = connect(hub.port, '127.0.0.1');
      far.on('error', () => {});
      far.once('data', (first) => {
        socket.write(Buffer.concat([Buffer.from('HTTP/1.1 200 Connected\r\nVia: x\r\n\r\n'), first]));
        far.pipe(socket).pipe(far);
      });
    });
  });
  const node = await member(t, { proxy, listen: [], peers: [{ host: '127.0.0.1', port: hub.port }] });
  node.say(hub, 'nothing is lost');
  await eventually(() => hub.received.length === 1);
  t.is(node.overlay.counters['links_broken'] ?? 0, 0);
});
