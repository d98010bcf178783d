import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { makeDirectory, placeAgent, RunningAgent } from '../cli/hypha.ts';
import { type Pair, startPair } from '../cli/pair.ts';
import { ask, bearer } from './ask.ts';

const directory = makeDirectory();
let count = 0;
test.after.always(() => directory.remove());

interface Node {
  readonly nodeIp: string;
  readonly nodePubkey: string;
  readonly nodeSubnet: string;
}

const nodeOf = async (agent: RunningAgent): Promise<Node> => (await ask(agent, '/api/v1/admin')).json as Node;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function pairOf(variables: Readonly<Record<string, string>> = {}): Promise<Pair> {
  const place = makeDirectory();
  const pair = await startPair(place.path, variables);
  return {
    ...pair,
    stop: async () => {
      await pair.stop();
      place.remove();
    },
  };
}

async function push(from: RunningAgent, to: Node, text: string, topic?: string): Promise<string> {
  const body = {
    dst: { pk: to.nodePubkey },
    payload: base64(text),
    ...(topic === undefined ? {} : { topic: base64(topic) }),
  };
  const { status, json } = await ask(from, '/api/v1/messages', { body });
  if (status !== 201) throw new Error(`push: ${status}`);
  return (json as { id: string }).id;
}

async function pop(at: RunningAgent, query: string): Promise<string | null> {
  const { status, json } = await ask(at, `/api/v1/messages?${query}`);
  return status === 200 ? Buffer.from((json as { payload: string }).payload, 'base64').toString() : null;
}

async function becomes(agent: RunningAgent, id: string, wanted: string): Promise<void> {
  while (true) {
    const { json } = await ask(agent, `/api/v1/messages/status/${id}`);
    if ((json as { state: unknown }).state === wanted) return;
  }
}

const metric = async (agent: RunningAgent, line: RegExp): Promise<number> =>
  Number(line.exec((await ask(agent, '/metrics')).text)?.[1]);

test.serial(
  'a message whose sender was told that it has come outlasts a kill, is taken once, and its sender is told of that',
  async (t) => {
    const pair = await pairOf();
    const gateway = await nodeOf(pair.gateway);
    const ids = [await push(pair.hub, gateway, 'one', 'a'), await push(pair.hub, gateway, 'two', 'b')];
    for (const id of ids) await becomes(pair.hub, id, 'received');
    await pair.gateway.stop('SIGKILL');
    const again = await RunningAgent.start(pair.gateway);
    t.is(await pop(again, `topic=${base64('b')}`), 'two');
    await becomes(pair.hub, ids[1] ?? '', 'read');
    await again.stop('SIGKILL');
    const third = await RunningAgent.start(pair.gateway);
    t.is(await pop(third, 'peek=true'), 'one');
    t.is(await pop(third, 'timeout=0'), 'one');
    t.is(await pop(third, 'timeout=0'), null);
    await third.stop();
    await pair.stop();
  },
);

test.serial('two readers never get the same message', async (t) => {
  const pair = await pairOf();
  const hub = await nodeOf(pair.hub);
  const waiting = Array.from({ length: 8 }, () => pop(pair.hub, 'timeout=20'));
  for (let number = 0; number < 40; number++) await push(pair.gateway, hub, `message ${number}`);
  const rest = Promise.all(Array.from({ length: 32 }, () => pop(pair.hub, 'timeout=20')));
  const found = [...(await Promise.all(waiting)), ...(await rest)];
  t.is(new Set(found).size, 40);
  t.false(found.includes(null));
  t.is(await pop(pair.hub, 'timeout=0'), null);
  await pair.stop();
});

test.serial(
  'beyond its bound the inbox takes nothing, says so in the metrics, and takes it when there is room again',
  async (t) => {
    const pair = await pairOf({ HYPHA_API_INBOX_MESSAGES: '2' });
    const hub = await nodeOf(pair.hub);
    const ids = [];
    for (const text of ['one', 'two']) ids.push(await push(pair.gateway, hub, text));
    for (const id of ids) await becomes(pair.gateway, id, 'received');
    const third = await push(pair.gateway, hub, 'three');
    let refused = 0;
    while (refused === 0) refused = await metric(pair.hub, /^hypha_dropped_total\{reason="inbox-full"\} (\d+)$/m);
    t.is(await pop(pair.hub, 'timeout=0'), 'one');
    await becomes(pair.gateway, third, 'received');
    t.is(await pop(pair.hub, 'timeout=0'), 'two');
    t.is(await pop(pair.hub, 'timeout=0'), 'three');
    await pair.stop();
  },
);

test.serial(
  'topics that are configured take their sources alone, also after a kill; a source need not be a contact',
  async (t) => {
    const hub = await RunningAgent.start(
      placeAgent(directory.path, `hub-${count++}`, 'overlay = { listen = ["tcp://127.0.0.1:0"] }\n'),
    );
    const peers = `overlay = { listen = [], peers = ["tcp://${hub.doors['overlay']}"] }\n`;
    const reader = placeAgent(directory.path, `reader-${count++}`, peers);
    let agent = await RunningAgent.start(reader);
    const stranger = await RunningAgent.start(placeAgent(directory.path, `stranger-${count++}`, peers));
    const to = await nodeOf(agent);
    const { nodeSubnet } = await nodeOf(stranger);
    const topic = encodeURIComponent(base64('open'));
    t.is((await ask(agent, `/api/v1/messages/topics/${topic}/sources`, { body: { subnet: nodeSubnet } })).status, 201);
    t.is((await ask(agent, '/api/v1/messages/topics/default', { method: 'PUT', body: { accept: false } })).status, 204);
    await agent.stop('SIGKILL');
    agent = await RunningAgent.start(reader);
    t.deepEqual((await ask(agent, '/api/v1/messages/topics')).json, [base64('open')]);
    t.deepEqual((await ask(agent, `/api/v1/messages/topics/${topic}/sources`)).json, [nodeSubnet]);
    t.deepEqual((await ask(agent, '/api/v1/messages/topics/default')).json, { accept: false });
    await push(stranger, to, 'not this', 'closed');
    await push(stranger, to, 'nor this');
    await push(stranger, to, 'let in', 'open');
    t.is(await pop(agent, 'timeout=20'), 'let in');
    t.is(await pop(agent, 'timeout=0'), null);
    t.true((await metric(agent, /^hypha_dropped_total\{reason="unknown-sender"\} (\d+)$/m)) > 0);
    const id = await push(agent, await nodeOf(stranger), 'who are you?');
    await Promise.all([agent.stop(), stranger.stop(), hub.stop()]);
    t.regex(id, /^[0-9a-f]{16}$/);
  },
);

test.serial('a contact is held to topics, too; its replies are not', async (t) => {
  const pair = await pairOf();
  const hub = await nodeOf(pair.hub);
  const gateway = await nodeOf(pair.gateway);
  t.is(
    (await ask(pair.gateway, '/api/v1/messages/topics/default', { method: 'PUT', body: { accept: false } })).status,
    204,
  );
  await push(pair.hub, gateway, 'refused');
  const id = await push(pair.gateway, hub, 'question?');
  t.is(await pop(pair.hub, 'timeout=20'), 'question?');
  const answer = { dst: { pk: gateway.nodePubkey }, payload: base64('answer!') };
  t.is((await ask(pair.hub, `/api/v1/messages/reply/${id}`, { body: answer })).status, 204);
  t.is(await pop(pair.gateway, 'timeout=20'), 'answer!');
  let refused = 0;
  while (refused === 0) refused = await metric(pair.gateway, /^hypha_dropped_total\{reason="topic"\} (\d+)$/m);
  t.is(await pop(pair.gateway, 'timeout=0'), null);
  await pair.stop();
});

/** A program behind a socket: it says `pieces` and closes, or does not. */
function program(path: string, pieces: readonly string[], closes: boolean): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      for (const piece of pieces) socket.write(piece);
      if (closes) socket.end();
    });
  });
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}

test.serial(
  'what a program behind a socket says within 5 s is the reply; without a program the message waits in the inbox',
  async (t) => {
    const pair = await pairOf({ HYPHA_API_STOCK: 'full' });
    const hub = await nodeOf(pair.hub);
    const forward = async (topic: string, socketPath: string): Promise<void> => {
      await ask(pair.hub, '/api/v1/messages/topics', { body: [...Buffer.from(topic)] });
      await ask(pair.hub, `/api/v1/messages/topics/${encodeURIComponent(base64(topic))}/sources`, {
        body: { subnet: '400::/7' },
      });
      const path = `/api/v1/messages/topics/${encodeURIComponent(base64(topic))}/forward`;
      t.is((await ask(pair.hub, path, { method: 'PUT', body: { socketPath } })).status, 204);
    };
    const quick = join(directory.path, 'quick.sock');
    const slow = join(directory.path, 'slow.sock');
    const silent = join(directory.path, 'silent.sock');
    const servers = await Promise.all([
      program(quick, ['a', 'b'], true),
      program(slow, ['half'], false),
      program(silent, [], false),
    ]);
    await forward('quick', quick);
    await forward('slow', slow);
    await forward('silent', silent);
    await forward('gone', join(directory.path, 'gone.sock'));
    const asked = async (topic: string): Promise<string> => {
      const body = { dst: { pk: hub.nodePubkey }, payload: base64('?'), topic: base64(topic) };
      const { status, json } = await ask(pair.gateway, '/api/v1/messages?reply_timeout=15', { body });
      return status === 200
        ? Buffer.from((json as { payload: string }).payload, 'base64').toString()
        : `status ${status}`;
    };
    for (const topic of ['gone', 'silent']) await push(pair.gateway, hub, topic, topic);
    t.deepEqual(await Promise.all([asked('quick'), asked('slow')]), ['ab', 'half']);
    t.is(await pop(pair.hub, 'timeout=20'), 'gone');
    t.is(await pop(pair.hub, 'timeout=20'), 'silent');
    t.is(await pop(pair.hub, 'timeout=0'), null);
    t.is(await metric(pair.hub, /^hypha_messages_total\{result="forwarded"\} (\d+)$/m), 2);
    for (const server of servers) server.close();
    await pair.stop();
  },
);

test.serial(
  'a message of 12 MB goes out under the token, comes into an inbox that has room for it, and outlasts a kill',
  async (t) => {
    const pair = await pairOf({ HYPHA_API_INBOX: '13MB' });
    const gateway = await nodeOf(pair.gateway);
    const payload = Buffer.alloc(12_582_912, 'abcdefg').toString('base64');
    const body = { to: gateway.nodePubkey, payload, waitMs: 60_000 };
    t.is((await ask(pair.hub, '/hypha/v1/send', { body: { to: gateway.nodePubkey, payload: 'AA==' } })).status, 401);
    const sent = await ask(pair.hub, '/hypha/v1/send', { body, headers: bearer(pair.hub) });
    t.like(sent.json, { state: 'received' });
    await pair.gateway.stop('SIGKILL');
    const again = await RunningAgent.start(pair.gateway, { HYPHA_API_INBOX: '13MB' });
    const { json } = await ask(again, '/api/v1/messages');
    t.true((json as { payload: string }).payload === payload, 'byte for byte');
    const small = await ask(pair.hub, '/hypha/v1/send', {
      body: { ...body, waitMs: 500, payload: Buffer.alloc(13_631_488).toString('base64') },
      headers: bearer(pair.hub),
    });
    t.true((small.json as { state: string }).state !== 'received', 'longer than the inbox: never admitted');
    await again.stop();
    await pair.stop();
  },
);

test.serial('those who watch are told when a route goes', async (t) => {
  const pair = await pairOf();
  const hub = await nodeOf(pair.hub);
  let watching = '';
  while (!watching.includes(hub.nodePubkey)) watching = (await ask(pair.gateway, '/hypha/v1/routes')).text;
  const told = ask(pair.gateway, '/hypha/v1/events', { until: /event: route\ndata: .*\n/ });
  await ask(pair.gateway, '/hypha/v1/id');
  await pair.hub.stop();
  t.regex(
    (await told).text,
    /^event: route\ndata: \{"kind":"route","to":"hub","publicKey":"[0-9a-f]{64}","reachable":false\}$/m,
  );
  await pair.gateway.stop();
});
