import test from 'ava';
import { makeDirectory } from '../cli/hypha.ts';
import { type Pair, startPair } from '../cli/pair.ts';
import { ask } from './ask.ts';

/** Shapes, status codes and refusals as the stock daemon 0.7.10 gave them to the same requests on 2026-11-23. */

const directory = makeDirectory();
let pair: Pair;
let hub: { readonly nodeIp: string; readonly nodePubkey: string };
let gateway: { readonly nodeIp: string; readonly nodePubkey: string };

test.before(async () => {
  pair = await startPair(directory.path);
  hub = (await ask(pair.hub, '/api/v1/admin')).json as typeof hub;
  gateway = (await ask(pair.gateway, '/api/v1/admin')).json as typeof gateway;
});
test.after.always(async () => {
  await pair?.stop();
  directory.remove();
});

const hello = Buffer.from('hello').toString('base64');

test.serial('GET /admin tells subnet, address, key and start time', async (t) => {
  const { status, json } = await ask(pair.gateway, '/api/v1/admin');
  t.is(status, 200);
  const found = json as Record<string, unknown>;
  t.deepEqual(Object.keys(found), ['nodeSubnet', 'nodeIp', 'nodePubkey', 'nodeStartTime']);
  t.regex(String(found['nodeSubnet']), /^[45][0-9a-f:]+::\/64$/);
  t.is(typeof found['nodeStartTime'], 'number');
});

test.serial('a message goes by key or by address, comes once with everything about it, and is then read', async (t) => {
  for (const dst of [{ pk: hub.nodePubkey }, { ip: hub.nodeIp }]) {
    const sent = await ask(pair.gateway, '/api/v1/messages', { body: { dst, topic: 'dG9w', payload: hello } });
    t.is(sent.status, 201);
    const { id } = sent.json as { id: string };
    t.regex(id, /^[0-9a-f]{16}$/);
    const wanted = {
      id,
      srcIp: gateway.nodeIp,
      srcPk: gateway.nodePubkey,
      dstIp: hub.nodeIp,
      dstPk: hub.nodePubkey,
      topic: 'dG9w',
      payload: hello,
    };
    t.deepEqual((await ask(pair.hub, '/api/v1/messages?peek=true&timeout=10')).json, wanted);
    t.deepEqual((await ask(pair.hub, '/api/v1/messages?topic=dG9w')).json, wanted);
    t.is((await ask(pair.hub, '/api/v1/messages')).status, 204);
  }
});

test.serial('a message without a topic comes without one', async (t) => {
  await ask(pair.gateway, '/api/v1/messages', { body: { dst: { pk: hub.nodePubkey }, payload: hello } });
  const { json } = await ask(pair.hub, '/api/v1/messages?timeout=10');
  t.false('topic' in (json as object));
});

test.serial('a topic filter leaves other messages where they are', async (t) => {
  await ask(pair.gateway, '/api/v1/messages', { body: { dst: { pk: hub.nodePubkey }, topic: 'YWE=', payload: hello } });
  t.like((await ask(pair.hub, '/api/v1/messages?peek=true&timeout=10')).json, { topic: 'YWE=' });
  t.is((await ask(pair.hub, '/api/v1/messages?topic=YmI=')).status, 204);
  t.is((await ask(pair.hub, '/api/v1/messages?topic=YWE=')).status, 200);
});

test.serial('the state of a message is told: received, then read', async (t) => {
  const sent = await ask(pair.gateway, '/api/v1/messages', { body: { dst: { pk: hub.nodePubkey }, payload: hello } });
  const { id } = sent.json as { id: string };
  await ask(pair.hub, '/api/v1/messages?peek=true&timeout=10');
  const before = (await ask(pair.gateway, `/api/v1/messages/status/${id}`)).json as Record<string, unknown>;
  t.deepEqual(Object.keys(before), ['dst', 'state', 'created', 'deadline', 'msgLen']);
  t.like(before, { dst: hub.nodeIp, msgLen: 5 });
  t.is(Number(before['deadline']) - Number(before['created']), 300);
  await ask(pair.hub, '/api/v1/messages');
  let state: unknown;
  while (state !== 'read')
    state = ((await ask(pair.gateway, `/api/v1/messages/status/${id}`)).json as { state: unknown }).state;
  t.is(state, 'read');
});

test.serial('a sender that waits gets the reply; one that waits in vain gets 408 and the id', async (t) => {
  const body = { dst: { pk: hub.nodePubkey }, payload: hello };
  const waiting = ask(pair.gateway, '/api/v1/messages?reply_timeout=20', { body });
  const { id } = (await ask(pair.hub, '/api/v1/messages?timeout=10')).json as { id: string };
  const answer = { dst: { ip: gateway.nodeIp }, payload: 'd29ybGQ=' };
  t.is((await ask(pair.hub, `/api/v1/messages/reply/${id}`, { body: answer })).status, 204);
  const replied = await waiting;
  t.is(replied.status, 200);
  t.like(replied.json, { id, srcPk: hub.nodePubkey, payload: 'd29ybGQ=' });
  const vain = await ask(pair.gateway, '/api/v1/messages?reply_timeout=0', { body });
  t.is(vain.status, 408);
  t.regex((vain.json as { id: string }).id, /^[0-9a-f]{16}$/);
  t.is((await ask(pair.hub, '/api/v1/messages?timeout=10')).status, 200);
});

const body = (over: object) => ({ body: { dst: { pk: '57'.repeat(32) }, payload: hello, ...over } });

for (const [title, path, question, status] of [
  ['a key that is none', '/messages', body({ dst: { pk: 'zz' } }), 422],
  ['an address that is none', '/messages', body({ dst: { ip: 'foo' } }), 422],
  ['no destination', '/messages', { body: { payload: hello } }, 422],
  ['no payload', '/messages', { body: { dst: { pk: '57'.repeat(32) } } }, 422],
  ['a payload that is no base64', '/messages', body({ payload: 'a!!' }), 422],
  ['a topic longer than 255 bytes', '/messages', body({ topic: Buffer.alloc(300).toString('base64') }), 400],
  ['a body that is no JSON', '/messages', { raw: '{nope', headers: { 'content-type': 'application/json' } }, 400],
  ['a body that does not say it is JSON', '/messages', { raw: '{}' }, 415],
  ['a body that says it is text', '/messages', { raw: '{}', headers: { 'content-type': 'text/plain' } }, 415],
  ['a time-out that is none', '/messages?timeout=x', {}, 400],
  ['a peek that is neither true nor false', '/messages?peek=1', {}, 400],
  ['a topic filter that is no base64', '/messages?topic=!', {}, 400],
  ['a reply to an id that is none', '/messages/reply/zz', body({}), 400],
  ['a reply without destination', '/messages/reply/0011223344556677', { body: { payload: hello } }, 422],
  ['the state of an id that is none', '/messages/status/zz', {}, 400],
  ['the state of a message nobody knows', '/messages/status/0011223344556677', {}, 404],
  ['the key of an address nobody has shown', '/pubkey/400::1', {}, 404],
  ['the key of what is no address', '/pubkey/foo', {}, 400],
  ['a path that is none', '/nope', {}, 404],
  ['a method that a path does not have', '/messages', { method: 'PUT' }, 405],
  ['a peer to add while changes are closed', '/admin/peers', { body: { endpoint: 'tcp://127.0.0.1:1' } }, 403],
  ['a peer to remove while changes are closed', '/admin/peers/tcp%3A%2F%2F127.0.0.1%3A1', { method: 'DELETE' }, 403],
] as const) {
  test.serial(`stock's door answers ${status} to ${title}`, async (t) => {
    t.is((await ask(pair.gateway, `/api/v1${path}`, question)).status, status);
  });
}

test.serial("the bus's topics are refused to senders and never seen by readers", async (t) => {
  for (const topic of ['hypha/bus/1', 'hypha/bus/9']) {
    const sent = await ask(pair.gateway, '/api/v1/messages', {
      body: { dst: { pk: hub.nodePubkey }, topic: Buffer.from(topic).toString('base64'), payload: hello },
    });
    t.is(sent.status, 400);
  }
  t.is((await ask(pair.hub, '/api/v1/messages')).status, 204);
});

test.serial('a body over 2 MiB is refused unread', async (t) => {
  const { status } = await ask(pair.gateway, '/api/v1/messages', { body: { payload: 'A'.repeat(2_200_000) } });
  t.is(status, 413);
});

test.serial('peers, routes and keys are told as stock tells them', async (t) => {
  const [peer] = (await ask(pair.gateway, '/api/v1/admin/peers')).json as Record<string, unknown>[];
  t.deepEqual(Object.keys(peer ?? {}), [
    'endpoint',
    'type',
    'connectionState',
    'txBytes',
    'rxBytes',
    'discovered',
    'lastConnected',
  ]);
  t.like(peer, {
    endpoint: { proto: 'tcp', addr: { socket: pair.hub.doors['overlay'] } },
    type: 'static',
    connectionState: 'alive',
  });
  const [route] = (await ask(pair.gateway, '/api/v1/admin/routes/selected')).json as Record<string, unknown>[];
  t.deepEqual(Object.keys(route ?? {}), ['subnet', 'nextHop', 'metric', 'seqno']);
  t.true(Array.isArray((await ask(pair.gateway, '/api/v1/admin/routes/fallback')).json));
  t.true(Array.isArray((await ask(pair.gateway, '/api/v1/admin/routes/queried')).json));
  t.deepEqual((await ask(pair.gateway, `/api/v1/pubkey/${hub.nodeIp}`)).json, { publicKey: hub.nodePubkey });
});
