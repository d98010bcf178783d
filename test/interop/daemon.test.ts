import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { formatSubnet, identityOf } from '#crypto';
import type { Log, PublicKey } from '#kernel';
import {
  createDaemonOverlay,
  type DaemonOptions,
  type MessageState,
  type Overlay,
  type ReceivedMessage,
  type WantedTopic,
} from '#overlay';
import { realEnv } from '#platform';
import { eventually } from './member.ts';
import { Ours } from './ours.ts';
import { Stock, stockBinary, waitMs } from './stock.ts';

/** Runs with a stock daemon in MYCELIUM_BIN (0.7.10); without one every test of this file is skipped. */
const withStock = stockBinary === undefined ? test.skip : test.serial;
if (stockBinary === undefined) console.log('skipped: a stock daemon as node, MYCELIUM_BIN is not set');

const topic = Buffer.from('wanted');
const name = topic.toString();

interface Node {
  readonly stock: Stock;
  readonly overlay: Overlay;
  readonly received: ReceivedMessage[];
  readonly logged: string[];
  readonly topics: WantedTopic[];
}

/** An agent's end over a stock daemon that reads `topic` from `friend`. */
async function overStock(
  t: ExecutionContext,
  friend: string,
  more: Partial<DaemonOptions> & { readonly peers?: readonly string[] } = {},
): Promise<Node> {
  const secret = randomBytes(32);
  const stock = await Stock.start(more.peers ?? [], secret);
  t.teardown(() => stock.stop());
  const received: ReceivedMessage[] = [];
  const logged: string[] = [];
  const note = (event: string): void => void logged.push(event);
  const log: Log = { error: note, warn: note, info: note, debug: () => {}, with: () => log };
  const topics: WantedTopic[] = [{ topic, sources: [friend] }];
  const overlay = createDaemonOverlay(realEnv(log), identityOf(secret), {
    at: { host: '127.0.0.1', port: stock.apiPort },
    topics: () => topics,
    isForLater: () => false,
    admit: () => true,
    received: (message) => received.push(message),
    ...more,
  });
  t.teardown(() => overlay.stop());
  await overlay.start();
  return { stock, overlay, received, logged, topics };
}

async function ours(t: ExecutionContext, peers: readonly Stock[] = [], secret = randomBytes(32)): Promise<Ours> {
  const node = await Ours.start(
    secret,
    peers.map(({ port }) => ({ host: '127.0.0.1', port })),
  );
  t.teardown(() => node.stop());
  return node;
}

const subnetOfKey = (secret: Uint8Array): string => formatSubnet(identityOf(secret).subnet);

function send({ overlay }: Node, to: PublicKey, payload: Uint8Array, deadlineMs: number | null = null) {
  const states: MessageState[] = [];
  const id = overlay.send({ to, topic, payload, replyTo: null, deadlineMs, changed: (state) => states.push(state) });
  return { id, states };
}

withStock(
  'the daemon refuses strangers and other topics, also after a restart and after somebody opens it',
  async (t) => {
    const secret = randomBytes(32);
    const node = await overStock(t, subnetOfKey(secret));
    const friend = await ours(t, [node.stock], secret);
    const stranger = await ours(t, [node.stock]);
    const isHeld = async (): Promise<void> => {
      const before = node.received.length;
      const refused = [
        stranger.send(node.overlay.publicKey, Buffer.from('me too'), { topic, deadlineMs: 1500 }),
        friend.send(node.overlay.publicKey, Buffer.from('other'), { topic: Buffer.from('other'), deadlineMs: 1500 }),
      ];
      await friend.send(node.overlay.publicKey, Buffer.from('hello'), { topic }).ended;
      await eventually(() => node.received.length > before);
      for (const { ended } of refused) t.is(await ended, 'aborted');
      t.is(node.received.length, before + 1);
    };
    await isHeld();
    await node.stock.kill();
    await eventually(() => node.overlay.daemon?.().state === 'unreachable');
    t.regex(node.overlay.daemon?.().why ?? '', /^daemon at 127\.0\.0\.1:\d+: nobody listens there$/);
    await node.stock.run();
    await eventually(() => node.overlay.daemon?.().state === 'ready');
    t.is(node.overlay.daemon?.().restarts, 1);
    await isHeld();
    t.is(await node.stock.setDefault(true), 204);
    await eventually(() => node.logged.includes('daemon-policy-was-changed'));
    await eventually(() => (node.overlay.counters['daemon_policy_repairs'] ?? 0) > 6);
    await isHeld();
  },
);

withStock('a topic that the agent wants later is opened when it does', async (t) => {
  const secret = randomBytes(32);
  const node = await overStock(t, subnetOfKey(secret));
  const friend = await ours(t, [node.stock], secret);
  node.topics.push({ topic: Buffer.from('later'), sources: [subnetOfKey(secret)] });
  t.is(
    await friend.send(node.overlay.publicKey, Buffer.from('now'), { topic: Buffer.from('later') }).ended,
    'received',
  );
  await eventually(() => node.received.length === 1);
  t.is(Buffer.from(node.received[0]?.topic ?? []).toString(), 'later');
});

withStock('a daemon with another key is refused at the start, and told what to do', async (t) => {
  const stock = await Stock.start([], randomBytes(32));
  t.teardown(() => stock.stop());
  const quiet: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, with: () => quiet };
  const overlay = createDaemonOverlay(realEnv(quiet), identityOf(randomBytes(32)), {
    at: { host: '127.0.0.1', port: stock.apiPort },
    topics: () => [],
    isForLater: () => false,
    admit: () => true,
    received: () => {},
  });
  const error = await t.throwsAsync(() => overlay.start(), { code: 'daemon/other-key' } as never);
  t.regex(
    error?.message ?? '',
    /found the key [0-9a-f]{16}…, wanted that of identity\.key \([0-9a-f]{16}…\); copy the/,
  );
  await overlay.stop();
});

withStock('messages of the lengths that stock cannot deliver to stock arrive when made a little longer', async (t) => {
  const far = await overStock(t, '400::/7');
  const near = await overStock(t, '400::/7', { peers: [`tcp://127.0.0.1:${far.stock.port}`] });
  for (const [length, longer] of [
    [1301, 1550],
    [2601, 2850],
    [5249, 5450],
    [48_101, 48_350],
  ] as const) {
    t.is(near.overlay.payloadLength?.(length), longer);
    t.not(send(near, far.overlay.publicKey, new Uint8Array(longer)).id, null);
    await eventually(() => far.received.some(({ payload }) => payload.length === longer));
  }
  const stuck = send(near, far.overlay.publicKey, new Uint8Array(1301), 2000);
  await eventually(() => stuck.states.includes('aborted'));
  t.is(near.overlay.counters['messages_of_awkward_length'], 1);
});

withStock('another program that takes our messages is noticed, and what comes out instead is not lost', async (t) => {
  const secret = randomBytes(32);
  const thief: { act: (() => Promise<unknown>) | null } = { act: null };
  const node = await overStock(t, subnetOfKey(secret), {
    store: () => thief.act?.().then(() => true) ?? null,
  });
  const friend = await ours(t, [node.stock], secret);
  const sayAll = (texts: readonly string[]) =>
    Promise.all(texts.map((text) => friend.send(node.overlay.publicKey, Buffer.from(text), { topic }).ended));
  // While the first is being stored, two come behind it and somebody takes the first away.
  thief.act = async () => {
    thief.act = null;
    await sayAll(['second', 'third']);
    t.is((await node.stock.pop(5, name))?.payload, Buffer.from('first').toString('base64'));
  };
  await sayAll(['first']);
  await eventually(() => node.received.length === 3);
  const texts = node.received.map(({ payload }) => Buffer.from(payload).toString());
  t.deepEqual(texts.sort(), ['first', 'second', 'third']);
  t.is(node.overlay.counters['popped_by_others'], 1);
  t.true(node.logged.includes('another-program-reads-our-topic'));
});

withStock('a message that there is no room for stays in the daemon until there is', async (t) => {
  let hasRoom = false;
  const secret = randomBytes(32);
  const node = await overStock(t, subnetOfKey(secret), { admit: () => hasRoom, isForLater: () => true });
  const friend = await ours(t, [node.stock], secret);
  await friend.send(node.overlay.publicKey, Buffer.from('patience'), { topic }).ended;
  await eventually(() => (node.overlay.counters['messages_held'] ?? 0) >= 2);
  t.is(node.received.length, 0);
  t.not(await node.stock.look(name), null);
  hasRoom = true;
  await eventually(() => node.received.length === 1);
  // It is taken out after it was handed on.
  while ((await node.stock.look(name)) !== null) await waitMs(10);
  t.is(node.received.length, 1);
  t.is(node.overlay.counters['popped_by_others'], 0);
});

withStock('what was under way when the daemon died is told as aborted, and its places are free again', async (t) => {
  const node = await overStock(t, '400::/7');
  const nobody = identityOf(randomBytes(32)).publicKey;
  const under = Array.from({ length: 64 }, (_, index) => send(node, nobody, Buffer.from(`${index}`)));
  t.true(under.every(({ id }) => id !== null));
  t.is(send(node, nobody, Buffer.from('65th')).id, null);
  // A daemon tells when it was started to the second.
  await eventually(() => (node.overlay.daemon?.().forMs ?? 0) > 1100);
  await node.stock.kill();
  await eventually(() => node.overlay.daemon?.().state === 'unreachable');
  t.is(send(node, nobody, Buffer.from('no daemon')).id, null);
  await node.stock.run();
  await eventually(() => under.every(({ states }) => states.at(-1) === 'aborted'));
  t.is(node.overlay.counters['daemon_holds_messages'], 0);
  t.not(send(node, nobody, Buffer.from('again')).id, null);
});

withStock('to a node without a route at most two messages are left trying', async (t) => {
  const node = await overStock(t, '400::/7');
  const far = randomBytes(32);
  const to = identityOf(far).publicKey;
  const tried = [send(node, to, Buffer.from('a'), 50), send(node, to, Buffer.from('b'), 50)];
  await eventually(() => tried.every(({ states }) => states.at(-1) === 'aborted'));
  t.is(send(node, to, Buffer.from('c')).id, null);
  t.false(node.overlay.reachable(to));
  const { promise: found, resolve } = Promise.withResolvers<void>();
  node.overlay.onRoute((key, reachable) => {
    if (key === to && reachable) resolve();
  });
  await ours(t, [node.stock], far);
  await found;
  t.true(node.overlay.reachable(to));
  t.not(send(node, to, Buffer.from('d')).id, null);
});
