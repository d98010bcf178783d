import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { formatSubnet, type Identity, identityOf } from '#crypto';
import type { Endpoint, Log } from '#kernel';
import { createDaemonOverlay, createOverlay, type Overlay, type ReceivedMessage } from '#overlay';
import { realEnv } from '#platform';
import { Stock, stockBinary } from '../interop/stock.ts';
import { contractTopic, type OverlayPair, type OverlayUnderTest, overlayContract, type Taking } from './overlay.ts';

const quiet: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, with: () => quiet };
const env = realEnv(quiet);

/** One end, and where others connect to it. */
interface End extends OverlayUnderTest {
  readonly at: Endpoint;
}

type MakeEnd = (t: ExecutionContext, secret: Uint8Array, other: Identity, peers: readonly Endpoint[]) => Promise<End>;

async function embedded(t: ExecutionContext, secret: Uint8Array, _: Identity, peers: readonly Endpoint[]) {
  const { received, taking, ways } = ears();
  const listen = [{ host: '127.0.0.1', port: 0 }];
  const overlay = createOverlay(env, identityOf(secret), { listen, peers, transit: true, ...ways });
  await started(t, overlay);
  return { overlay, received, taking, at: { host: '127.0.0.1', port: overlay.listening[0]?.port ?? 0 } };
}

async function overDaemon(t: ExecutionContext, secret: Uint8Array, other: Identity, peers: readonly Endpoint[]) {
  const stock = await Stock.start(
    peers.map(({ host, port }) => `tcp://${host}:${port}`),
    secret,
  );
  t.teardown(() => stock.stop());
  const { received, taking, ways } = ears();
  const sources = [formatSubnet(other.subnet)];
  const overlay = createDaemonOverlay(env, identityOf(secret), {
    at: { host: '127.0.0.1', port: stock.apiPort },
    topics: () => [contractTopic, new Uint8Array(0)].map((topic) => ({ topic, sources })),
    isForLater: () => false,
    ...ways,
  });
  await started(t, overlay);
  return { overlay, received, taking, at: { host: '127.0.0.1', port: stock.port } };
}

function ears() {
  const received: ReceivedMessage[] = [];
  const taking: Taking = { admit: () => true, store: () => null };
  const ways = {
    admit: (announced: Parameters<Taking['admit']>[0]) => taking.admit(announced),
    store: (message: ReceivedMessage) => taking.store(message),
    received: (message: ReceivedMessage) => void received.push(message),
  };
  return { received, taking, ways };
}

async function started(t: ExecutionContext, overlay: Overlay): Promise<void> {
  await overlay.start();
  t.teardown(() => overlay.stop());
}

function pairOf(makeNear: MakeEnd, makeFar: MakeEnd): (t: ExecutionContext) => Promise<OverlayPair> {
  return async (t) => {
    const [nearSecret, farSecret] = [randomBytes(32), randomBytes(32)];
    const far = await makeFar(t, farSecret, identityOf(nearSecret), []);
    const near = await makeNear(t, nearSecret, identityOf(farSecret), [far.at]);
    return { near, far };
  };
}

overlayContract(test, 'embedded nodes', pairOf(embedded, embedded));

/** Runs with a stock daemon in MYCELIUM_BIN (0.7.10); without one these are skipped. */
const withStock = stockBinary === undefined ? { serial: test.skip } : test;
if (stockBinary === undefined) console.log('skipped: nodes that are stock daemons, MYCELIUM_BIN is not set');

overlayContract(withStock, 'a stock daemon beside an embedded node', pairOf(overDaemon, embedded));
overlayContract(withStock, 'an embedded node beside a stock daemon', pairOf(embedded, overDaemon));
overlayContract(withStock, 'two stock daemons', pairOf(overDaemon, overDaemon));
