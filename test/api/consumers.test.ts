import { readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { connectAsync } from 'mqtt';
import { makeDirectory, placeAgent, RunningAgent } from '../cli/hypha.ts';
import { ask, bearer } from './ask.ts';
import { acknowledge, Listener, make, numbers, publish, textOf } from './hearing.ts';
import { becomes, nodeOf, pairOf, pop, push } from './plain.ts';

const directory = makeDirectory();
test.after.always(() => directory.remove());

const alone = 'overlay = { listen = [] }\n';
const start = (name: string, toml = ''): Promise<RunningAgent> =>
  RunningAgent.start(placeAgent(directory.path, name, alone + toml));

test('a consumer hears at once, and of everything it missed when it returns; what it did not acknowledge comes again', async (t) => {
  const agent = await start('returns');
  t.teardown(() => agent.stop().then(() => undefined));
  t.is(await make(agent, 'app', ['plant/#']), 200);
  await publish(agent, 'elsewhere', ['not this']);
  const first = await Listener.start(agent, 'app');
  await publish(agent, 'plant/7', numbers(1, 3));
  t.deepEqual((await first.count(3)).map(textOf), ['1', '2', '3']);
  t.is(await acknowledge(agent, 'app', first.heard[0]?.id), 204);
  first.leave();
  await publish(agent, 'plant/7', numbers(4, 5));
  const second = await Listener.start(agent, 'app');
  const heard = await second.count(4);
  t.deepEqual(heard.map(textOf), ['2', '3', '4', '5']);
  t.deepEqual(
    heard.map(({ again }) => again),
    [true, true, false, false],
  );
  t.is(await acknowledge(agent, 'app', heard[3]?.id), 204);
  t.is(await acknowledge(agent, 'app', heard[0]?.id), 204, 'an old one changes nothing');
  t.is(await acknowledge(agent, 'app', '999999999'), 409);
  t.is(await acknowledge(agent, 'nobody', '1'), 404);
  const [line] = (await ask(agent, '/hypha/v1/consumers')).json as { pending: number; delivered: number }[];
  t.like(line, { name: 'app', connected: true, pending: 0, delivered: 5, again: 2 });
  const { text } = await ask(agent, '/metrics');
  t.regex(text, /^hypha_consumer_delivered_total\{consumer="app"\} 5$/m);
  t.regex((await agent.hypha(['consumers'])).stdout, /^app +listening +- +0 +5 +0\n {2}plant\/#$/m);
});

test('an agent killed between delivery and acknowledgement gives the same again, in order, and nothing is missed', async (t) => {
  const place = placeAgent(directory.path, 'killed', alone);
  let agent = await RunningAgent.start(place);
  await make(agent, 'app', ['plant/#']);
  await make(agent, 'other', ['other']);
  await publish(agent, 'plant/7', numbers(1, 200));
  const taken: string[] = [];
  const take = (texts: readonly string[]): void => {
    const [first] = texts;
    t.true(Number(first) <= taken.length + 1, `${first} after ${taken.length}`);
    t.deepEqual(texts, numbers(Number(first), Number(first) + texts.length - 1));
    for (const one of texts) if (!taken.includes(one)) taken.push(one);
  };
  for (const acknowledged of [4, 14, 29]) {
    const listener = await Listener.start(agent, 'app', 'window=50');
    const heard = (await listener.count(30)).slice(0, 30);
    take(heard.map(textOf));
    // A commit, which would carry any place that had moved.
    await publish(agent, 'other', ['x']);
    await agent.stop('SIGKILL');
    agent = await RunningAgent.start(place);
    t.is(await acknowledge(agent, 'app', heard[acknowledged]?.id), 204, 'what an earlier run gave may be acknowledged');
  }
  const listener = await Listener.start(agent, 'app', 'window=1000');
  while (!listener.heard.some((one) => textOf(one) === '200')) await listener.count(listener.heard.length + 1);
  t.is(listener.heard.length < 200, true, 'what was acknowledged does not come again');
  take(listener.heard.map(textOf));
  t.deepEqual(taken, numbers(1, 200));
  await agent.stop();
});

test('without an acknowledgement in time all that is open is given again over the same connection; Last-Event-ID skips it at first', async (t) => {
  const agent = await start('late');
  t.teardown(() => agent.stop().then(() => undefined));
  await make(agent, 'app', ['a']);
  await publish(agent, 'a', numbers(1, 3));
  const listener = await Listener.start(agent, 'app', 'retry=1');
  t.deepEqual((await listener.count(6)).map(textOf), ['1', '2', '3', '1', '2', '3']);
  const at = listener.heard[1]?.id ?? '';
  const other = await Listener.start(agent, 'app', 'retry=3600', { 'last-event-id': at });
  t.deepEqual((await other.count(1)).map(textOf), ['3']);
  await listener.count(1000);
  t.is(listener.heard.at(-1)?.why, 'taken-over');
});

test('hypha recv --consumer killed at any point goes on where it had written to stdout', async (t) => {
  const agent = await start('recv');
  t.teardown(() => agent.stop().then(() => undefined));
  const args = ['recv', '--follow', '--consumer', 'shell', '--topic', 'plant/#'];
  const first = agent.follow(args);
  let all: { name: string }[] = [];
  while (all.length === 0) all = (await ask(agent, '/hypha/v1/consumers')).json as { name: string }[];
  await publish(agent, 'plant/7', numbers(1, 100));
  await first.said(/^40$/m);
  const said = (await first.end('SIGKILL')).trim().split('\n');
  const second = agent.follow(args);
  await publish(agent, 'plant/7', ['101']);
  const rest = (await second.said(/^101$/m)).trim().split('\n');
  t.true(Number(rest[0]) <= said.length + 1, `${rest[0]} after ${said.length}`);
  t.deepEqual([...new Set([...said, ...rest])], numbers(1, 101));
  await second.end();
  t.is((await agent.hypha(['recv', '--consumer', 'shell'])).code, 2);
});

test('no more than its window is open at a time', async (t) => {
  const agent = await start('window');
  t.teardown(() => agent.stop().then(() => undefined));
  await make(agent, 'app', ['a']);
  await publish(agent, 'a', numbers(1, 20));
  const listener = await Listener.start(agent, 'app', 'window=4');
  await listener.count(4);
  const [line] = (await ask(agent, '/hypha/v1/consumers')).json as { inFlight: number }[];
  t.is(line?.inFlight, 4);
  t.is(listener.heard.length, 4);
  for (let count = 4; count < 20; count += 4) {
    await acknowledge(agent, 'app', listener.heard[count - 1]?.id);
    await listener.count(count + 4);
  }
  t.deepEqual(listener.heard.map(textOf), numbers(1, 20));
});

test('a consumer that stays away does not fill the ring: it is told of the gap when it returns, and the rest', async (t) => {
  const place = placeAgent(directory.path, 'gap', alone);
  writeFileSync(place.config, readFileSync(place.config, 'utf8').replace('size = "16MB"', 'size = "1MB"'));
  const agent = await RunningAgent.start(place);
  t.teardown(() => agent.stop().then(() => undefined));
  await make(agent, 'app', ['a/#']);
  const payloads = numbers(1, 60).map((number) => Buffer.from(number.padEnd(50_000, ' ')));
  for (let at = 0; at < 60; at += 4) await publish(agent, 'a/b', payloads.slice(at, at + 4));
  const listener = await Listener.start(agent, 'app', 'window=1000');
  const isLast = (): boolean => listener.heard.some((one) => one.kind === 'message' && textOf(one).trim() === '60');
  while (!isLast()) await listener.count(listener.heard.length + 1);
  const gaps = listener.heard.filter(({ kind }) => kind === 'gap');
  t.true(gaps.length > 0);
  t.true(gaps.every(({ reason }) => reason === 'full'));
  const missed = gaps.reduce((sum, { count }) => sum + count, 0);
  const found = listener.heard.filter(({ kind }) => kind === 'message').map((one) => textOf(one).trim());
  t.deepEqual(found, numbers(61 - found.length, 60));
  t.true(missed + found.length >= 60, 'what was given and dropped before it was acknowledged counts as both');
  t.true(missed < 60);
  const audit = JSON.parse((await agent.hypha(['ring', 'audit', '--json'])).stdout);
  t.true(audit.addsUp);
  t.like(
    audit.lines.find(({ cursor }: { cursor: string }) => cursor === 'consumer/app'),
    { accepted: 60 },
  );
});

test('consumers are bounded, want the token, and are removed', async (t) => {
  const place = placeAgent(directory.path, 'bounded', alone);
  const agent = await RunningAgent.start(place);
  for (let index = 0; index < 64; index++) t.is(await make(agent, `app-${index}`, ['a']), 200);
  t.is(await make(agent, 'one-more', ['a']), 409);
  t.is(await make(agent, 'app-0', ['b', 'c/#']), 200, 'other topics for one that is there');
  t.is(await make(agent, 'app-0', ['#/b']), 422);
  t.is(await make(agent, '-', ['a']), 422);
  t.is((await ask(agent, '/hypha/v1/consumers/app-1/events')).status, 401);
  t.is((await ask(agent, '/hypha/v1/consumers/app-1/ack', { body: { id: '1' } })).status, 401);
  t.is((await ask(agent, '/hypha/v1/consumers/app-1', { method: 'PUT', body: { topics: ['a'] } })).status, 401);
  t.is((await ask(agent, '/hypha/v1/consumers/app-1', { method: 'DELETE' })).status, 401);
  const listener = await Listener.start(agent, 'app-1');
  t.is((await agent.hypha(['consumers', 'remove', 'app-1'])).code, 0);
  await listener.count(10);
  t.is(listener.heard.at(-1)?.why, 'removed');
  t.is((await agent.hypha(['consumers', 'remove', 'app-1'])).code, 1);
  await agent.stop('SIGKILL');
  const again = await RunningAgent.start(place);
  const all = (await ask(again, '/hypha/v1/consumers')).json as { name: string; topics: string[] }[];
  t.is(all.length, 63);
  t.deepEqual(all.find(({ name }) => name === 'app-0')?.topics, ['b', 'c/#']);
  await publish(again, 'b', ['1']);
  t.deepEqual((await (await Listener.start(again, 'app-0')).count(1)).map(textOf), ['1']);
  t.is((await ask(again, '/hypha/v1/consumers/app-0', { method: 'DELETE', headers: bearer(again) })).status, 204);
  await again.stop();
});

test('messages to this node go to whoever names $hypha/inbox, not to those who ask for everything, else to the inbox', async (t) => {
  const pair = await pairOf();
  const { gateway, hub } = pair;
  const to = await nodeOf(hub);
  await make(hub, 'all', ['#']);
  const id = await push(gateway, to, 'for the inbox', 'alarm');
  await becomes(gateway, id, 'received');
  t.is(await pop(hub, 'timeout=20'), 'for the inbox');
  await make(hub, 'app', ['$hypha/inbox/+/alarm/#']);
  const session = await connectAsync(`mqtt://${hub.doors['mqtt']}`, { clientId: 'keeper', clean: false });
  await session.subscribeAsync('$hypha/inbox/gateway/alarm', { qos: 1 });
  const told = new Promise<string>((resolve) =>
    session.on('message', (topic, payload) => resolve(`${topic} ${payload}`)),
  );
  const second = await push(gateway, to, 'fire', 'alarm');
  await becomes(gateway, second, 'received');
  t.is(await told, '$hypha/inbox/gateway/alarm fire');
  await session.endAsync();
  const listener = await Listener.start(hub, 'app');
  const [heard] = await listener.count(1);
  t.like(heard, { topic: '$hypha/inbox/gateway/alarm' });
  t.is(heard === undefined ? '' : textOf(heard), 'fire');
  const third = await push(gateway, to, 'other', 'rest');
  await becomes(gateway, third, 'received');
  t.is(await pop(hub, 'timeout=20'), 'other');
  t.is(await pop(hub, 'timeout=0'), null);
  const [all] = (await ask(hub, '/hypha/v1/consumers')).json as { name: string; accepted: number }[];
  t.like(all, { name: 'all' });
  const weird = await push(gateway, to, '?', 'alarm/#+%\n');
  await becomes(gateway, weird, 'received');
  t.is((await listener.count(2))[1]?.topic, '$hypha/inbox/gateway/alarm/%23%2B%25%0A');
  await pair.stop();
});
