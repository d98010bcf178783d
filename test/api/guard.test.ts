import test from 'ava';
import { makeDirectory, placeAgent, RunningAgent } from '../cli/hypha.ts';
import { ask, bearer } from './ask.ts';

const directory = makeDirectory();
let agent: RunningAgent;

test.before(async () => {
  agent = await RunningAgent.start(placeAgent(directory.path, 'guarded', 'overlay = { listen = [] }\n'));
});
test.after.always(async () => {
  await agent?.stop();
  directory.remove();
});

const paths = ['/api/v1/messages', '/api/v1/admin', '/hypha/v1/id', '/hypha/v1/events', '/metrics', '/nothing'];

test('a name that was pointed at this machine (DNS rebinding) is refused everywhere', async (t) => {
  for (const path of paths) {
    for (const host of ['evil.example', 'evil.example:8989', '127.0.0.1.evil.example', 'user@127.0.0.1', '10.0.0.1']) {
      t.is((await ask(agent, path, { headers: { host } })).status, 403, `${path} ${host}`);
    }
  }
});

test('loopback names are taken, with any port in front', async (t) => {
  for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1:9', '[::1]:8989']) {
    t.is((await ask(agent, '/hypha/v1/id', { headers: { host } })).status, 200, host);
  }
});

test('a web page of another origin is refused everywhere, also when it only reads', async (t) => {
  for (const path of paths) {
    for (const origin of ['http://evil.example', 'https://localhost', 'null', 'http://localhost:1']) {
      t.is((await ask(agent, path, { headers: { origin, host: 'localhost:8989' } })).status, 403, `${path} ${origin}`);
    }
    for (const site of ['cross-site', 'same-site']) {
      t.is((await ask(agent, path, { headers: { 'sec-fetch-site': site } })).status, 403, `${path} ${site}`);
    }
  }
});

test('our own page is taken', async (t) => {
  const headers = { host: 'localhost:8989', origin: 'http://localhost:8989', 'sec-fetch-site': 'same-origin' };
  t.is((await ask(agent, '/hypha/v1/id', { headers })).status, 200);
});

const commands = [
  ['/hypha/v1/send', { body: { to: '57'.repeat(32), payload: '' } }],
  ['/hypha/v1/recv', { body: {} }],
  ['/hypha/v1/recv/follow', {}],
  ['/hypha/v1/contacts', { body: { name: 'a', publicKey: '57'.repeat(32) } }],
] as const;

test('what sends, takes or changes something wants the token', async (t) => {
  for (const [path, question] of commands) {
    for (const authorization of [undefined, 'Bearer ', 'Bearer 00', `Basic ${bearer(agent)['authorization']}`]) {
      const headers = authorization === undefined ? {} : { authorization };
      const { status, json } = await ask(agent, path, { ...question, headers });
      t.is(status, 401, `${path} ${authorization}`);
      t.like(json, { error: { code: 'api/token' } });
    }
  }
});

test('with the token it is done', async (t) => {
  const sent = await ask(agent, '/hypha/v1/send', {
    body: { to: '57'.repeat(32), payload: '' },
    headers: bearer(agent),
  });
  t.is(sent.status, 200);
  const taken = await ask(agent, '/hypha/v1/recv', { body: {}, headers: bearer(agent) });
  t.is(taken.status, 204);
});

test('the status page needs nothing from elsewhere, and may load nothing', async (t) => {
  const { status, text, type } = await ask(agent, '/');
  t.is(status, 200);
  t.regex(type, /^text\/html/);
  t.notRegex(text, /(src|href)\s*=|https?:\/\/|innerHTML/);
  const script = /<script>([\s\S]*)<\/script>/.exec(text)?.[1] ?? '';
  t.notThrows(() => new Function(script), 'its script is one');
  for (const path of ['status', 'links', 'peers', 'ring/audit'])
    t.is((await ask(agent, `/hypha/v1/${path}`)).status, 200, path);
});

test('the metrics of CONTRACT.md are there', async (t) => {
  const { status, text, type } = await ask(agent, '/metrics');
  t.is(status, 200);
  t.regex(type, /^text\/plain/);
  for (const name of [
    'hypha_ring_bytes',
    'hypha_ring_oldest_seconds',
    'hypha_dropped_total',
    'hypha_link_pending',
    'hypha_peer_up',
  ]) {
    t.true(text.includes(`# TYPE ${name} `), name);
  }
  t.regex(text, /^hypha_dropped_total\{reason="unknown-sender"\} 0$/m);
  t.is((await ask(agent, '/metrics')).text.match(/^hypha_ring_size_bytes (\d+)$/m)?.[1], String(16 * 1024 * 1024));
});

test('stock = "off" closes the stock-compatible API', async (t) => {
  const place = placeAgent(directory.path, 'off', 'overlay = { listen = [] }\n');
  const closed = await RunningAgent.start(place, { HYPHA_API_STOCK: 'off' });
  t.is((await ask(closed, '/api/v1/admin')).status, 404);
  t.is((await ask(closed, '/hypha/v1/id')).status, 200);
  await closed.stop();
});

test('stock = "full" changes peers as stock does', async (t) => {
  const place = placeAgent(directory.path, 'full', 'overlay = { listen = [] }\n');
  const open = await RunningAgent.start(place, { HYPHA_API_STOCK: 'full' });
  const add = (endpoint: unknown) => ask(open, '/api/v1/admin/peers', { body: { endpoint } });
  const remove = () => ask(open, '/api/v1/admin/peers/tcp%3A%2F%2F127.0.0.1%3A1', { method: 'DELETE' });
  t.is((await add('tcp://127.0.0.1:1')).status, 204);
  t.is((await add('tcp://127.0.0.1:1')).status, 409);
  for (const wrong of ['foo', 'foo://1.2.3.4:1', 'tcp://localhost:1']) t.is((await add(wrong)).status, 400, wrong);
  t.is((await remove()).status, 204);
  t.is((await remove()).status, 404);
  await open.stop();
});
