import { randomBytes } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { identityOf } from '#crypto';
import type { PublicKey } from '#kernel';
import { Ours } from './ours.ts';
import { Stock, stockBinary, waitMs } from './stock.ts';

/** Runs with a stock daemon in MYCELIUM_BIN (0.7.10); without one every test of this file is skipped. */
const withStock = stockBinary === undefined ? test.skip : test.serial;
if (stockBinary === undefined) console.log('skipped: tests with a stock daemon, MYCELIUM_BIN is not set');

const lengths = [0, 1, 5, 1300, 1301, 5000, 200_000, 1_000_000];

interface StockNode {
  readonly stock: Stock;
  readonly publicKey: PublicKey;
}

async function stockNode(t: ExecutionContext, peers: readonly string[]): Promise<StockNode> {
  const secret = randomBytes(32);
  const stock = await Stock.start(peers, secret);
  t.teardown(() => stock.stop());
  return { stock, publicKey: identityOf(secret).publicKey };
}

async function ourNode(t: ExecutionContext, ...peers: readonly StockNode[]): Promise<Ours> {
  const endpoints = peers.map(({ stock }) => ({ host: '127.0.0.1', port: stock.port }));
  const ours = await Ours.start(randomBytes(32), endpoints);
  t.teardown(() => ours.stop());
  return ours;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

async function crossesToStock(t: ExecutionContext, from: Ours, to: StockNode, length: number): Promise<void> {
  const payload = randomBytes(length);
  const topic = `to stock ${length}`;
  const sending = from.send(to.publicKey, payload, { topic: Buffer.from(topic) });
  const popped = await to.stock.pop(20, topic);
  t.is(popped?.id, sending.id);
  t.is(popped?.srcPk, from.publicKey);
  t.is(popped?.payload, base64(payload), `${length} bytes`);
  t.is(await sending.ended, 'received');
  await sending.read;
}

async function crossesFromStock(t: ExecutionContext, from: StockNode, to: Ours, length: number): Promise<void> {
  const payload = randomBytes(length);
  const id = await from.stock.push(to.publicKey, payload, `from stock ${length}`);
  const message = await to.gets(id);
  t.is(message.from, from.publicKey);
  t.is(Buffer.from(message.topic).toString(), `from stock ${length}`);
  t.is(base64(message.payload), base64(payload), `${length} bytes`);
  to.overlay.markRead(message.id);
  t.true(await becomes(() => from.stock.state(id), ['read']), `${length} bytes: read`);
}

/** True when `ask` has answered one of `wanted` within 20 s. */
async function becomes(ask: () => Promise<unknown>, wanted: readonly unknown[]): Promise<boolean> {
  for (let tries = 0; tries < 400; tries++) {
    if (wanted.includes(await ask())) return true;
    await waitMs(50);
  }
  return false;
}

withStock('messages of all lengths cross to a stock daemon, with topic and read receipt', async (t) => {
  const far = await stockNode(t, []);
  const ours = await ourNode(t, far);
  for (const length of lengths) await crossesToStock(t, ours, far, length);
});

withStock('messages of all lengths come from a stock daemon, with topic and read receipt', async (t) => {
  const far = await stockNode(t, []);
  const ours = await ourNode(t, far);
  for (const length of lengths) await crossesFromStock(t, far, ours, length);
});

withStock('a stock daemon that dials us exchanges messages both ways', async (t) => {
  const ours = await ourNode(t);
  const far = await stockNode(t, [ours.endpoint]);
  for (const length of [0, 5, 5000]) {
    await crossesToStock(t, ours, far, length);
    await crossesFromStock(t, far, ours, length);
  }
});

withStock('a reply of ours ends the wait of a stock sender', async (t) => {
  const far = await stockNode(t, []);
  const ours = await ourNode(t, far);
  const answer = randomBytes(3000);
  const waiting = far.stock.pushForReply(ours.publicKey, Buffer.from('question?'), 20);
  const question = await ours.next();
  t.is(Buffer.from(question.payload).toString(), 'question?');
  const reply = ours.send(far.publicKey, answer, { replyTo: question.id });
  t.is(reply.id, question.id);
  t.is(base64(await waiting), base64(answer));
  t.is(await reply.ended, 'received');
});

withStock('a reply of a stock daemon comes back under the id of our message', async (t) => {
  const far = await stockNode(t, []);
  const ours = await ourNode(t, far);
  const asked = ours.send(far.publicKey, Buffer.from('question?'));
  const popped = await far.stock.pop(20);
  t.is(popped?.id, asked.id);
  await far.stock.reply(asked.id, ours.publicKey, Buffer.from('answer!'));
  const reply = await ours.gets(asked.id);
  t.true(reply.isReply);
  t.is(Buffer.from(reply.payload).toString(), 'answer!');
});

withStock('two nodes of ours exchange messages through a stock router', async (t) => {
  const router = await stockNode(t, []);
  const left = await ourNode(t, router);
  const right = await ourNode(t, router);
  for (const length of lengths) {
    for (const [from, to] of [
      [left, right],
      [right, left],
    ] as const) {
      const payload = randomBytes(length);
      const sending = from.send(to.publicKey, payload, { topic: Buffer.from('through stock') });
      const message = await to.gets(sending.id);
      t.is(base64(message.payload), base64(payload), `${length} bytes`);
      t.is(await sending.ended, 'received');
      to.overlay.markRead(message.id);
      await sending.read;
    }
  }
  const asked = left.send(right.publicKey, Buffer.from('question?'));
  await right.gets(asked.id);
  right.send(left.publicKey, Buffer.from('answer!'), { replyTo: asked.id });
  t.is(Buffer.from((await left.gets(asked.id)).payload).toString(), 'answer!');
});

withStock('the large packets of two nodes of ours cross a stock router', async (t) => {
  const router = await stockNode(t, []);
  const left = await ourNode(t, router);
  const right = await ourNode(t, router);
  for (let count = 0; count < 5; count++) await left.send(right.publicKey, randomBytes(300)).ended;
  const before = left.overlay.counters['packets_sent'] ?? 0;
  const payload = randomBytes(1_000_000);
  const sending = left.send(right.publicKey, payload);
  t.is(await sending.ended, 'received');
  t.true(Buffer.from((await right.gets(sending.id)).payload).equals(payload));
  t.is(left.overlay.counters['retry_timeouts'], 0);
  t.true((left.overlay.counters['packets_sent'] ?? 0) - before < 300, 'fewer than half as many packets as chunks');
});

withStock('two stock daemons exchange messages through a router of ours', async (t) => {
  const router = await ourNode(t);
  const left = await stockNode(t, [router.endpoint]);
  const right = await stockNode(t, [router.endpoint]);
  // 1,301 bytes never arrive from stock at stock: its last chunk is one byte (WIRE.md §5).
  for (const length of lengths.filter((each) => each !== 1301)) {
    for (const [from, to] of [
      [left, right],
      [right, left],
    ] as const) {
      const payload = randomBytes(length);
      const id = await from.stock.push(to.publicKey, payload, 'through ours');
      const popped = await to.stock.pop(30, 'through ours');
      t.is(popped?.id, id, `${length} bytes`);
      t.is(popped?.payload, base64(payload), `${length} bytes`);
      // Stock ignores a READ that overtakes its DONE+ACK, and a stock receiver sends them in either order.
      t.true(await becomes(() => from.stock.state(id), ['received', 'read']), `${length} bytes: acknowledged`);
    }
  }
  const waiting = left.stock.pushForReply(right.publicKey, Buffer.from('question?'), 20);
  const question = await right.stock.pop(20);
  await right.stock.reply(question?.id ?? '', left.publicKey, Buffer.from('answer!'));
  t.is(Buffer.from(await waiting).toString(), 'answer!');
});

withStock('a thousand small messages in one go arrive at a stock daemon once each', async (t) => {
  const far = await stockNode(t, []);
  const ours = await ourNode(t, far);
  const sendings = Array.from({ length: 1000 }, (_, index) =>
    ours.send(far.publicKey, Buffer.from(`message ${index}`)),
  );
  for (const { ended } of sendings) t.is(await ended, 'received');
  const popped: string[] = [];
  for (let next = await far.stock.pop(1); next !== null; next = await far.stock.pop(0)) popped.push(next.id);
  t.deepEqual(popped.sort(), sendings.map(({ id }) => id as string).sort());
});

withStock('a stock daemon that restarts with a new router id is found again while we keep sending', async (t) => {
  const far = await stockNode(t, []);
  const ours = await ourNode(t, far);
  await crossesToStock(t, ours, far, 5);
  for (let round = 0; round < 3; round++) {
    await far.stock.kill();
    const sendings = Array.from({ length: 20 }, (_, index) =>
      ours.send(far.publicKey, Buffer.from(`round ${round} message ${index}`)),
    );
    await far.stock.run();
    for (const { ended } of sendings) t.is(await ended, 'received');
    const popped = new Set<string>();
    for (let next = await far.stock.pop(1); next !== null; next = await far.stock.pop(0)) popped.add(next.id);
    for (const { id } of sendings) t.true(popped.has(id), `round ${round}`);
    await crossesFromStock(t, far, ours, 5000);
  }
});
