import { statSync } from 'node:fs';
import anyTest, { type TestFn } from 'ava';
import { connectAsync } from 'mqtt';
import { ask } from '../api/ask.ts';
import { makeDirectory } from './hypha.ts';
import { type Pair, startPair } from './pair.ts';

const directory = makeDirectory();
const test = anyTest as TestFn<Pair>;
let pair: Pair;

test.before(async () => {
  pair = await startPair(directory.path);
});
test.after.always(async () => {
  await pair?.stop();
  directory.remove();
});

test.serial('a message from the shell crosses to another shell', async (t) => {
  const waiting = pair.hub.hypha(['recv', '--json']);
  const sent = await pair.gateway.hypha(['send', 'hub', '--topic', 'greeting', '--wait', '--json'], { input: 'hello' });
  t.is(sent.code, 0, sent.stderr);
  t.is(JSON.parse(sent.stdout).state, 'received');
  const got = JSON.parse((await waiting).stdout);
  t.like(got, { from: 'gateway', topic: 'greeting', payload: Buffer.from('hello').toString('base64') });
});

test.serial('a reading crosses: sensor, ring, overlay, ring, subscriber', async (t) => {
  const subscriber = await connectAsync(`mqtt://${pair.hub.doors['mqtt']}`, { clientId: 'reader', clean: false });
  await subscriber.subscribeAsync('gateway/plant/#', { qos: 1 });
  const got = new Promise<string>((resolve) =>
    subscriber.on('message', (topic, payload) => resolve(`${topic} ${payload}`)),
  );
  const sensor = await connectAsync(`mqtt://${pair.gateway.doors['mqtt']}`);
  await sensor.publishAsync('plant/7/temperature', '21.5', { qos: 1 });
  t.is(await got, 'gateway/plant/7/temperature 21.5');
  await Promise.all([sensor.endAsync(), subscriber.endAsync()]);
});

test.serial('recv --follow shows every message and nothing else; events show the bus at work', async (t) => {
  const following = pair.hub.follow(['recv', '--follow']);
  const watching = ask(pair.gateway, '/hypha/v1/events', { until: /event: bus-acked/ });
  t.is((await pair.gateway.hypha(['send', 'hub', 'one', '--wait'])).code, 0);
  const sensor = await connectAsync(`mqtt://${pair.gateway.doors['mqtt']}`);
  await sensor.publishAsync('plant/8', '1', { qos: 1 });
  t.regex((await watching).text, /event: bus-sent\ndata: \{"kind":"bus-sent","lane":"normal","to":"hub"/);
  t.is((await pair.gateway.hypha(['send', 'hub', 'two', '--wait'])).code, 0);
  t.is(await following.said(/two\n/), 'one\ntwo\n');
  await following.end();
  await sensor.endAsync();
});

test.serial('the audit adds up, in the running agent', async (t) => {
  const audit = await pair.gateway.hypha(['ring', 'audit', '--json']);
  t.is(audit.code, 0, audit.stderr);
  const { addsUp, lines } = JSON.parse(audit.stdout);
  t.true(addsUp);
  t.true(
    lines.some((line: { cursor: string; accepted: number }) => line.cursor.startsWith('link/') && line.accepted === 2),
  );
});

for (const [command, head] of [
  ['peers', /^PEER +KIND +STATE/],
  ['routes', /USE +NODE +SUBNET +COST/],
  ['links', /^LINK +TO +LANE +STATE/],
  ['ring', /^ok: .* used of 16 MB/],
  ['contacts', /^NAME +PUBLIC KEY +ADDRESS +REACHABLE\nhub .* yes$/m],
] as const) {
  test.serial(`hypha ${command} shows a short aligned table`, async (t) => {
    const { code, stdout, stderr } = await pair.gateway.hypha([command]);
    t.is(code, 0, stderr);
    t.regex(stdout, head);
    t.true(stdout.split('\n').every((line) => line === line.trimEnd()));
    const json = await pair.gateway.hypha([command, '--json']);
    t.notThrows(() => JSON.parse(json.stdout));
  });
}

test.serial('hypha id says where the agent listens, with real ports', async (t) => {
  const found = JSON.parse((await pair.hub.hypha(['id', '--json'])).stdout);
  t.is(found.name, 'hub');
  t.regex(found.publicKey, /^[0-9a-f]{64}$/);
  t.true(found.card.startsWith(`hypha:${found.publicKey}`));
  t.is(found.listening.mqtt[0], pair.hub.doors['mqtt']);
});

test.serial('secrets in the data directory are for their owner alone', (t) => {
  for (const file of ['identity.key', 'api.token', 'running.json']) {
    t.is(statSync(`${pair.hub.data}/${file}`).mode & 0o777, 0o600, file);
  }
});

test.serial('a name given to a key is taken on by the running agent', async (t) => {
  const key = '5714769d116bf76436ae74bc793d2c30ad1903c59ac5273805c7e2698b410c36';
  const added = await pair.hub.hypha(['contacts', 'add', 'other', `hypha:${key}?name=x`]);
  t.is(added.code, 0, added.stderr);
  t.regex((await pair.hub.hypha(['contacts'])).stdout, /^other +5714/m);
  const again = await pair.hub.hypha(['contacts', 'add', 'other', key.replace('57', '58')]);
  t.is(again.code, 1);
  t.regex(again.stderr, /^hypha: contact other: found another key for it, wanted a new name; .*\n$/);
});

test.serial('a message to somebody unknown is refused by name', async (t) => {
  const sent = await pair.gateway.hypha(['send', 'nobody', 'text']);
  t.is(sent.code, 1);
  t.regex(
    sent.stderr,
    /^hypha: to: found "nobody", wanted a contact \(hypha contacts\), a public key or an address\n$/,
  );
});

test.serial('recv ends with 1 when nothing comes', async (t) => {
  const got = await pair.gateway.hypha(['recv', '--timeout', '0']);
  t.is(got.code, 1);
  t.is(got.stderr, 'hypha: inbox: found no message in 0 s, wanted one\n');
});

test.serial('SIGTERM stops the agent cleanly, and the audit reads the ring without it', async (t) => {
  t.is(await pair.gateway.stop(), 0);
  const audit = await pair.gateway.hypha(['ring', 'audit', '--json']);
  t.is(audit.code, 0, audit.stderr);
  t.true(JSON.parse(audit.stdout).addsUp);
  const asked = await pair.gateway.hypha(['peers']);
  t.is(asked.code, 69);
  t.regex(asked.stderr, /^hypha: .*found no running agent, wanted one; start it with: hypha run\n$/);
});
