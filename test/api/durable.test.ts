import test from 'ava';
import { makeDirectory, placeAgent, RunningAgent } from '../cli/hypha.ts';
import { ask } from './ask.ts';
import { base64, becomes, metric, nodeOf, pairOf, pop, push } from './plain.ts';

const directory = makeDirectory();
let count = 0;
test.after.always(() => directory.remove());

test('a message whose sender was told that it has come outlasts a kill, is taken once, and its sender is told of that', async (t) => {
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
});

test('two readers never get the same message', async (t) => {
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

test('beyond its bound the inbox takes nothing, says so in the metrics, and takes it when there is room again', async (t) => {
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
});

test('topics that are configured take their sources alone, also after a kill; a source need not be a contact', async (t) => {
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
});

test('a contact is held to topics, too; its replies are not', async (t) => {
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

test('those who watch are told when a route goes', async (t) => {
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
