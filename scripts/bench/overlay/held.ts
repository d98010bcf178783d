import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { addressOf, identityOf, subnetOf } from '#crypto';
import { instant } from '#kernel';
import { RouterMachine } from '../../../agent/overlay/router/router.ts';
import { defaultRouterOptions, type PeerId, type RouterId } from '../../../agent/overlay/router/types.ts';
import { encodeControl } from '../../../agent/overlay/wire/control.ts';
import { Ours } from '../../../test/interop/ours.ts';

const peers = 50;
const routes = 5000;
const waiting = 1000;

/** Nothing of what is measured may be collected. */
const kept: unknown[] = [];

/** The child of memory.ts: prints what a peer, a route and 1,000 waiting messages hold. */
const perPeer = await held(peers, linksOf);
const perRoute = (await held(1, routesOf)) / routes;
const perThousandWaiting = await held(1, waitingOf);
process.stdout.write(JSON.stringify({ perPeer, perRoute, perThousandWaiting }));
process.exit(0);

/** What `make` holds more than nothing, for one of `count`. */
async function held(count: number, make: () => Promise<unknown>): Promise<number> {
  kept.push(await make());
  const before = await used();
  kept.push(await make());
  return ((await used()) - before) / count;
}

async function used(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    (globalThis as unknown as { gc(): void }).gc();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Both ends of each link are in this process: the near one is a bare socket. */
async function linksOf(): Promise<unknown> {
  const node = await Ours.start(randomBytes(32), []);
  const [at] = node.overlay.listening;
  const sockets: Socket[] = [];
  for (let count = 0; count < peers; count++) {
    const localAddress = `127.0.${1 + (count >> 2)}.${1 + (count & 3)}`;
    const socket = connect({ host: '127.0.0.1', port: at?.port ?? 0, localAddress });
    await once(socket, 'connect');
    socket.write(encodeControl({ kind: 'hello', flags: 0x8000, seqno: 1, interval: 2000 }));
    await once(socket, 'data');
    sockets.push(socket);
  }
  return { node, sockets };
}

async function routesOf(): Promise<unknown> {
  const own = identityOf(randomBytes(32));
  const ownId = `${own.publicKey}0000000000000001` as unknown as RouterId;
  const router = new RouterMachine(own.subnet, ownId, { ...defaultRouterOptions }, instant(0));
  const peer = 1 as PeerId;
  router.step({ kind: 'peer-up', peer, cost: 10 }, instant(0));
  let now = 0;
  for (let count = 0; count < routes; count++) {
    const key = randomBytes(32).toString('hex') as never;
    const subnet = subnetOf(addressOf(key));
    const routerId = `${key}0000000000000001`;
    const update = {
      kind: 'update',
      addressEncoding: 2,
      flags: 0,
      prefixLength: 64,
      interval: 30_000,
      seqno: 1,
    } as const;
    router.step({ kind: 'wanted', subnet }, instant((now += 10)));
    router.step({ kind: 'update', peer, update: { ...update, metric: 10, prefix: subnet, routerId } }, instant(now));
  }
  const known = router.counters()['routes'] ?? 0;
  if (known < routes) throw new Error(`routes: ${known}, wanted ${routes}`);
  return router;
}

async function waitingOf(): Promise<unknown> {
  const node = await Ours.start(randomBytes(32), []);
  const to = identityOf(randomBytes(32)).publicKey;
  for (let count = 0; count < waiting; count++) node.send(to, randomBytes(200));
  return node;
}
