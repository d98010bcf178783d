import { request } from 'node:http';
import test from 'ava';
import { JSONRPCClient, type JSONRPCRequest } from 'json-rpc-2.0';
import { makeDirectory, placeAgent, RunningAgent } from '../cli/hypha.ts';
import { type Pair, startPair } from '../cli/pair.ts';
import { ask } from './ask.ts';

const directory = makeDirectory();
let pair: Pair;

test.before(async () => {
  pair = await startPair(directory.path);
});
test.after.always(async () => {
  await pair?.stop();
  directory.remove();
});

interface Posted {
  readonly status: number;
  readonly text: string;
}

function post(door: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<Posted> {
  const [host = '', port = ''] = door.split(':');
  return new Promise((resolve, reject) => {
    const asked = request(
      { host, port, path: '/rpc', method: 'POST', headers: { 'content-type': 'application/json', ...headers } },
      (response) => {
        let text = '';
        response.on('data', (piece: Buffer) => {
          text += piece.toString();
        });
        response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    asked.once('error', reject);
    asked.end(body);
  });
}

/** A client as npm has it, over HTTP. */
function clientOf(door: string): JSONRPCClient {
  const client: JSONRPCClient = new JSONRPCClient(async (payload) => {
    const { text } = await post(door, JSON.stringify(payload));
    if (text !== 'null') client.receive(JSON.parse(text));
  });
  return client;
}

const doorOf = (agent: RunningAgent, part: 'api' | 'rpc'): string => agent.doors[part] ?? '';
const hello = Buffer.from('hello').toString('base64');

for (const part of ['rpc', 'api'] as const) {
  test.serial(`a JSON-RPC client sends, receives and replies through the ${part} door`, async (t) => {
    const gateway = clientOf(doorOf(pair.gateway, part));
    const hub = clientOf(doorOf(pair.hub, part));
    const { nodePubkey } = await hub.request('getInfo', {});
    const waiting = gateway.request('pushMessage', {
      message: { dst: { pk: nodePubkey }, topic: 'dG9w', payload: hello },
      replyTimeout: 20,
    });
    const message = await hub.request('popMessage', [false, 20, 'dG9w']);
    t.like(message, { dstPk: nodePubkey, topic: 'dG9w', payload: hello });
    const reply = { dst: { pk: message.srcPk }, payload: 'd29ybGQ=' };
    t.true(await hub.request('pushMessageReply', [message.id, reply]));
    t.like(await waiting, { id: message.id, payload: 'd29ybGQ=', srcPk: nodePubkey });
    t.is(await hub.request('popMessage', []), null);
  });
}

test('a client gets each answer of a batch by its id, and errors as errors', async (t) => {
  const client = clientOf(doorOf(pair.hub, 'rpc'));
  const call = (id: number, method: string, params?: unknown): JSONRPCRequest => ({
    jsonrpc: '2.0',
    id,
    method,
    params,
  });
  const answers = await client.requestAdvanced([call(1, 'getTopics'), call(2, 'nope'), call(3, 'popMessage', [1])]);
  t.deepEqual(
    answers.map(({ id, result, error }) => [id, result, error?.code]),
    [
      [1, [], undefined],
      [2, undefined, -32_601],
      [3, undefined, -32_602],
    ],
  );
  client.notify('getTopics', []);
  await t.throwsAsync(async () => client.request('getMessageInfo', ['zz']), { message: 'Server error' });
});

test('a batch is bounded, and so is a body', async (t) => {
  const door = doorOf(pair.hub, 'rpc');
  const one = { jsonrpc: '2.0', id: 1, method: 'getTopics' };
  t.is(JSON.parse((await post(door, JSON.stringify(Array(100).fill(one)))).text).length, 100);
  t.is(JSON.parse((await post(door, JSON.stringify(Array(101).fill(one)))).text).error.code, -32_010);
  const { status, text } = await post(door, '{', { 'content-length': '10485761' });
  t.is(status, 413);
  t.is(JSON.parse(text).error.code, -32_007);
});

test("the bus's topics are refused here, too", async (t) => {
  const topic = Buffer.from('hypha/bus/1').toString('base64');
  const message = { dst: { pk: '57'.repeat(32) }, topic, payload: hello };
  const calls: [string, unknown][] = [
    ['pushMessage', [message]],
    ['popMessage', [true, 0, topic]],
    ['addTopic', [topic]],
    ['addTopicSource', [topic, '400::/7']],
  ];
  for (const [method, params] of calls) {
    const { text } = await post(doorOf(pair.hub, 'rpc'), JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
    t.is(JSON.parse(text).error.data, 'topic: found one of the bus, wanted any other', method);
  }
  t.is((await ask(pair.hub, `/api/v1/messages?topic=${topic}`)).status, 400);
  t.is((await ask(pair.hub, '/api/v1/messages/topics', { body: [...Buffer.from('hypha/bus/2')] })).status, 400);
});

test('what changes peers or sockets is closed unless stock = "full", and says so', async (t) => {
  for (const [method, params] of [
    ['addPeer', ['tcp://127.0.0.1:1']],
    ['deletePeer', ['tcp://127.0.0.1:1']],
    ['setTopicForwardSocket', ['dG9w', '/tmp/s']],
    ['removeTopicForwardSocket', ['dG9w']],
  ] as const) {
    const { text } = await post(doorOf(pair.hub, 'rpc'), JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
    t.is(JSON.parse(text).error.code, -32_090, method);
    t.regex(JSON.parse(text).error.data, /set stock = "full"/);
  }
  const path = '/api/v1/messages/topics/dG9w/forward';
  t.is((await ask(pair.hub, path, { method: 'PUT', body: { socketPath: '/tmp/s' } })).status, 403);
  t.is((await ask(pair.hub, path, { method: 'DELETE' })).status, 403);
});

test('a page of another origin, or a name pointed here, is refused at every JSON-RPC door', async (t) => {
  const body = '{"jsonrpc":"2.0","id":1,"method":"popMessage"}';
  for (const door of [doorOf(pair.hub, 'rpc'), doorOf(pair.hub, 'api')]) {
    t.is((await post(door, body, { origin: 'http://evil.example' })).status, 403);
    t.is((await post(door, body, { host: 'evil.example' })).status, 403);
    t.is((await post(door, body, { 'sec-fetch-site': 'cross-site' })).status, 403);
    t.is((await post(door, body)).status, 200);
  }
});

test('stock = "off" closes JSON-RPC at every door', async (t) => {
  const place = placeAgent(directory.path, 'off', 'overlay = { listen = [] }\n');
  const closed = await RunningAgent.start(place, { HYPHA_API_STOCK: 'off' });
  t.is(closed.doors['rpc'], 'none');
  t.is((await ask(closed, '/rpc', { body: {} })).status, 404);
  await closed.stop();
});
