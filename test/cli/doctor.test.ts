import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import anyTest, { type TestFn } from 'ava';
import { connectAsync } from 'mqtt';
import { clockFindings } from '../../agent/cli/doctor/here.ts';
import { redacted, secretsIn } from '../../agent/cli/doctor/redact.ts';
import { ask } from '../api/ask.ts';
import { freePort } from '../interop/stock.ts';
import { type Finished, hypha, makeDirectory, placeAgent, RunningAgent } from './hypha.ts';
import { startLine } from './line.ts';

interface Finding {
  readonly subject: string;
  readonly state: string;
  readonly cause: string;
  readonly found: string;
  readonly remedy: string | null;
}

const directory = makeDirectory();
const test = anyTest as TestFn;
const stranger = '5714769d116bf76436ae74bc793d2c30ad1903c59ac5273805c7e2698b410c36';
let line: RunningAgent[] = [];
const at = (index: number): RunningAgent => line[index] as RunningAgent;

test.before(async () => {
  line = await startLine(directory.path, ['left', 'middle', 'right']);
});
test.after.always(async () => {
  for (const agent of line) process.kill(agent.pid, 'SIGCONT');
  await Promise.all(line.map((agent) => agent.stop()));
  directory.remove();
});

const causes = ({ stdout }: Finished): string[] =>
  (JSON.parse(stdout) as Finding[]).filter(({ state }) => state === 'wrong').map(({ cause }) => cause);

const offline = (name: string, toml: string): { readonly args: string[]; readonly data: string } => {
  const { config, data } = placeAgent(directory.path, name, toml);
  return { args: ['doctor', '--config', config, '--data', data], data };
};

test.serial('when all is well every line is ok, and the exit code 0', async (t) => {
  const { code, stdout, stderr } = await at(0).hypha(['doctor']);
  t.is(code, 0, stdout + stderr);
  t.true(
    stdout
      .trimEnd()
      .split('\n')
      .every((row) => row.startsWith('ok ')),
    stdout,
  );
  t.regex(stdout, /\nok {5}contact right: answers in [\d.]+ ms over 2 links\n/);
  t.regex(stdout, /\nok {5}contact left: this node itself\n/);
});

test.serial('a contact that nobody knows the way to: no-route', async (t) => {
  const asked = await at(0).hypha(['doctor', stranger, '--json']);
  t.is(asked.code, 1);
  t.deepEqual(causes(asked), ['no-route']);
});

test.serial('an address whose key no route has shown: key-unknown', async (t) => {
  const asked = await at(0).hypha(['doctor', '4b8:1b60:2009:1b61:ec5e:fb8f:b8b2:78c9', '--json']);
  t.deepEqual(causes(asked), ['key-unknown']);
});

test.serial('a far side that is frozen while its router still has the route: far-side-silent', async (t) => {
  process.kill(at(2).pid, 'SIGSTOP');
  const asked = await at(0).hypha(['doctor', 'right', '--json']);
  process.kill(at(2).pid, 'SIGCONT');
  t.is(asked.code, 1);
  const wrong = (JSON.parse(asked.stdout) as Finding[]).find(({ state }) => state === 'wrong');
  t.is(wrong?.cause, 'far-side-silent', asked.stdout);
  t.regex(wrong?.found ?? '', /^there is a route by tcp:\S+, but no answer beyond hop 1$/);
});

test.serial('a far side that does not take what is sent is told from one that is away', async (t) => {
  const key = (await at(2).hypha(['id', '--json'])).stdout;
  const { publicKey } = JSON.parse(key);
  const toml = `overlay = { listen = [], peers = ["tcp://${at(1).doors['overlay']}"] }
contacts = { right = "${publicKey}" }
[[link]]
to = "right"
topics = ["#"]
`;
  const unknown = await RunningAgent.start(placeAgent(directory.path, 'unknown', toml));
  t.teardown(() => unknown.stop().then(() => undefined));
  const sensor = await connectAsync(`mqtt://${unknown.doors['mqtt']}`);
  await sensor.publishAsync('a', '1', { qos: 1 });
  await sensor.endAsync();
  const asked = await unknown.hypha(['doctor', 'right', '--json']);
  t.deepEqual(causes(asked), ['far-side-silent'], asked.stdout);
  t.regex(asked.stdout, /acknowledges no messages/);
  t.regex(asked.stdout, /there: hypha contacts add unknown [0-9a-f]{64}, and take its topics under \[\[accept\]\]/);
  const there = await at(2).hypha(['doctor', '--json']);
  const note = (JSON.parse(there.stdout) as Finding[]).find(({ cause }) => cause === 'unknown-sender');
  t.is(note?.state, 'note', there.stdout);
  const ofIt = JSON.parse((await unknown.hypha(['id', '--json'])).stdout).publicKey;
  t.regex(note?.found ?? '', new RegExp(`^[1-9]\\d* messages dropped lately, from keys that are no contact: ${ofIt}$`));
  const { text } = await ask(at(2), '/metrics');
  t.regex(text, /^hypha_dropped_total\{reason="unknown-sender"\} [1-9]\d*$/m);
  const shown = await unknown.hypha(['links']);
  t.regex(shown.stdout, /\nright: there is a route, but it has not answered since the start; hypha doctor right\n/);
});

test.serial('no link, with the reason of each peer: no-peer', async (t) => {
  const port = await freePort();
  const toml = `overlay = { listen = [], peers = ["tcp://127.0.0.1:${port}"] }\ncontacts = { hub = "${stranger}" }\n`;
  const alone = await RunningAgent.start(placeAgent(directory.path, 'alone', toml));
  t.teardown(() => alone.stop().then(() => undefined));
  const asked = await alone.hypha(['doctor', '--json']);
  t.deepEqual(causes(asked), ['peer-unreachable', 'no-peer']);
  const bare = placeAgent(directory.path, 'bare', `overlay = { listen = [] }\ncontacts = { hub = "${stranger}" }\n`);
  const none = await RunningAgent.start(bare);
  t.teardown(() => none.stop().then(() => undefined));
  t.deepEqual(causes(await none.hypha(['doctor', '--json'])), ['no-peer', 'no-peer']);
});

test.serial('without an agent: not running, and which port another program has', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
  const { args } = offline('port', `overlay = { listen = ["tcp://127.0.0.1:${port}"] }\n`);
  const asked = await hypha([...args, '--json']);
  server.close();
  t.is(asked.code, 1);
  t.deepEqual(causes(asked), ['not-running', 'port-in-use']);
});

test.serial('a key that others may read: key-loose, and the command that mends it', async (t) => {
  const { args, data } = offline('loose', '');
  mkdirSync(data);
  writeFileSync(join(data, 'identity.key'), Buffer.alloc(32, 1));
  chmodSync(join(data, 'identity.key'), 0o644);
  const asked = await hypha(args);
  t.is(asked.code, 1);
  t.true(asked.stdout.includes(`mode 0644, wanted 0600: others may read it; chmod 600 ${data}/identity.key\n`));
});

test.serial('a configuration that is wrong, and one that is not there', async (t) => {
  const { args } = offline('wrong', 'nonsense = 1\n');
  t.deepEqual(causes(await hypha([...args, '--json'])), ['configuration', 'not-running']);
  const gone = await hypha([
    'doctor',
    '--json',
    '--config',
    join(directory.path, 'gone.toml'),
    '--data',
    directory.path,
  ]);
  t.deepEqual(causes(gone), ['configuration', 'not-running']);
});

test.serial('a stock daemon that does not answer: daemon-unreachable', async (t) => {
  const { args } = offline('daemon', `overlay = { daemon = "http://127.0.0.1:${await freePort()}" }\n`);
  t.true(causes(await hypha([...args, '--json'])).includes('daemon-unreachable'));
});

const asRoot = process.getuid?.() === 0 ? test.serial : test.skip;

asRoot('a disk without room: disk-full', async (t) => {
  const mount = mkdtempSync(join(directory.path, 'small-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', mount]);
  t.teardown(() => {
    execFileSync('umount', [mount]);
    rmSync(mount, { recursive: true });
  });
  const { config } = placeAgent(directory.path, 'full', '');
  const asked = await hypha(['doctor', '--json', '--config', config, '--data', join(mount, 'data')]);
  t.true(causes(asked).includes('disk-full'), asked.stdout);
});

/** An agent with a link to nobody: everything published stays in its ring. */
async function hoarder(name: string, settings: string, data?: string): Promise<RunningAgent> {
  const toml = `overlay = { listen = [] }
contacts = { hub = "${stranger}" }
[[link]]
to = "hub"
topics = ["#"]
`;
  const place = placeAgent(directory.path, name, toml);
  writeFileSync(place.config, readFileSync(place.config, 'utf8').replace(/^ring = .*$/m, settings));
  return RunningAgent.start({ ...place, data: data ?? place.data });
}

/** Until the doctor names this cause; the whole finding. */
async function found(agent: RunningAgent, cause: string): Promise<Finding> {
  while (true) {
    const { stdout } = await agent.hypha(['doctor', '--json']);
    const finding = (JSON.parse(stdout) as Finding[]).find((one) => one.cause === cause);
    if (finding !== undefined) return finding;
  }
}

test.serial('a ring that is full and refuses: ring-full, and why links wait', async (t) => {
  const agent = await hoarder('hoarder', 'ring = { size = "1MB", commit = "now", full = "refuse" }');
  t.teardown(() => agent.stop().then(() => undefined));
  const sensor = await connectAsync(`mqtt://${agent.doors['mqtt']}`);
  for (let index = 0; index < 40; index++) sensor.publish('a', Buffer.alloc(50_000), { qos: 1 });
  const finding = await found(agent, 'ring-full');
  t.like(finding, { subject: 'ring', state: 'wrong' });
  t.regex(finding.remedy ?? '', /ring\.size/);
  t.regex((await agent.hypha(['links'])).stdout, /\nhub: no route to it; hypha doctor hub\n/);
  sensor.end(true);
});

asRoot('a disk that takes nothing any more: disk, and all is well when there is room again', async (t) => {
  const mount = mkdtempSync(join(directory.path, 'full-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'none', mount]);
  const agent = await hoarder('stalled', 'ring = { size = "16MB", commit = "now" }', join(mount, 'data'));
  t.teardown(async () => {
    await agent.stop();
    execFileSync('umount', [mount]);
    rmSync(mount, { recursive: true });
  });
  t.throws(() => writeFileSync(join(mount, 'filler'), Buffer.alloc(32 << 20)), { code: 'ENOSPC' });
  const sensor = await connectAsync(`mqtt://${agent.doors['mqtt']}`);
  for (let index = 0; index < 100; index++) sensor.publish('a', Buffer.alloc(100_000), { qos: 1 });
  const finding = await found(agent, 'disk');
  t.like(finding, { subject: 'ring', state: 'wrong', remedy: 'make room on the disk, or replace it' });
  t.regex(finding.found, /^stalled: .*(no space|ENOSPC)/i);
  rmSync(join(mount, 'filler'));
  const ring = async () => (await agent.hypha(['ring'])).stdout;
  while (!/^ok: /.test(await ring()));
  sensor.end(true);
});

test('a clock that was never set is a note: nothing hangs on it', (t) => {
  const [finding] = clockFindings(0, Date.UTC(2026, 0, 1));
  t.like(finding, { state: 'note', cause: 'clock', found: '1970-01-01T00:00Z, before this program was made' });
  t.is(clockFindings(Date.UTC(2026, 0, 2), Date.UTC(2026, 0, 1))[0]?.state, 'ok');
});

test.serial('a bundle is an archive for its owner, holds what helps and none of the secrets', async (t) => {
  const toml = `overlay = { listen = [], peers = ["tcp://127.0.0.1:1"], proxy = "socks5://me:planted-pass@127.0.0.1:1" }\n`;
  const agent = await RunningAgent.start(placeAgent(directory.path, 'bundle', toml));
  t.teardown(() => agent.stop().then(() => undefined));
  const file = join(directory.path, 'bundle.tar.gz');
  const asked = await agent.hypha(['doctor', '--bundle', file]);
  t.is(asked.code, 1, 'its only peer is away');
  t.is(asked.stderr, '');
  t.is(statSync(file).mode & 0o777, 0o600);
  const names = execFileSync('tar', ['tzf', file], { encoding: 'utf8' }).trim().split('\n');
  for (const part of ['doctor', 'settings', 'status', 'peers', 'routes', 'packets', 'machine']) {
    t.true(names.includes(`hypha/${part}.json`), part);
  }
  const all = gunzipSync(readFileSync(file)).toString('latin1');
  const key = readFileSync(join(agent.data, 'identity.key'));
  const token = readFileSync(join(agent.data, 'api.token'), 'utf8').trim();
  const planted = ['planted-pass', token, key.toString('latin1'), key.toString('hex'), key.toString('base64')];
  for (const secret of planted) t.false(all.includes(secret), secret);
  t.true(all.includes('"name": "bundle"'), 'and the rest is there');
  const nowhere = await agent.hypha(['doctor', '--bundle', join(directory.path, 'no', 'such', 'place')]);
  t.is(nowhere.code, 74);
});

test.serial(
  'a secret in any kind of place stays out of the bundle, and what is gathered without its walls holds each',
  async (t) => {
    const key = join(directory.path, 'planted.psk');
    writeFileSync(key, Buffer.from('planted-network-key-of-32-bytes!'), { mode: 0o600 });
    const toml = `[overlay]
listen = []
proxy = "socks5://me:planted-proxy@127.0.0.1:1"
peers = ["tcp://127.0.0.1:1", { url = "tcp://127.0.0.1:2", proxy = "http://me:planted-peer@127.0.0.1:1" }]
network = { name = "plant", key_file = ${JSON.stringify(key)} }
`;
    const place = placeAgent(directory.path, 'planted', toml);
    const agent = await RunningAgent.start(place, { HYPHA_CONTACTS_HUB: stranger });
    t.teardown(() => agent.stop().then(() => undefined));
    await agent.hypha(['peers', 'add', 'tls://127.0.0.1:3', '--proxy', 'socks5://me:planted-added@127.0.0.1:1']);
    const file = join(directory.path, 'planted.tar.gz');
    await agent.hypha(['doctor', '--bundle', file]);
    const bundle = gunzipSync(readFileSync(file)).toString('latin1').toLowerCase();
    const files = ['identity.key', 'api.token'].map((name) => readFileSync(join(agent.data, name)));
    const secrets = [...files, readFileSync(key)];
    for (const name of ['proxy', 'peer', 'added', 'network']) t.false(bundle.includes(`planted-${name}`), name);
    for (const secret of secrets) t.false(secretsIn(bundle, [secret]));
    t.true(bundle.includes('[secret]'));
  },
);

for (const [what, plant] of [
  ['identity as hex', (data: string) => readFileSync(join(data, 'identity.key')).toString('hex')],
  ['identity as base64', (data: string) => readFileSync(join(data, 'identity.key')).toString('base64url')],
  ['token', (data: string) => readFileSync(join(data, 'api.token'), 'utf8').trim()],
  ['network key as hex', (_: string, psk: string) => readFileSync(psk).toString('hex').toUpperCase()],
] as const) {
  test.serial(`a key that got into what is gathered (${what}) ends the bundle before it is written`, async (t) => {
    const psk = join(directory.path, 'wall.psk');
    writeFileSync(psk, Buffer.alloc(32, 0xe7), { mode: 0o600 });
    const { data } = offline('wall', '');
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'identity.key'), Buffer.alloc(32, 0xc5), { mode: 0o600 });
    writeFileSync(join(data, 'api.token'), `${'a1'.repeat(32)}\n`, { mode: 0o600 });
    const wrongly = `contacts = { hub = "${stranger}" }
[overlay]
listen = []
network = { name = "plant", key_file = ${JSON.stringify(psk)} }
[[link]]
to = "hub"
topics = ["a"]
prefix = "${plant(data, psk)}/"
`;
    const { args } = offline('wall', wrongly);
    const file = join(directory.path, 'wall.tar.gz');
    const asked = await hypha([...args, '--bundle', file]);
    t.is(asked.code, 70, asked.stderr);
    t.regex(asked.stderr, /^hypha: --bundle: found a key in what was gathered, wrote nothing/);
    t.false(existsSync(file));
  });
}

test('whatever is named like a secret, and what stands before the @ of an address, is redacted', (t) => {
  t.deepEqual(
    redacted({ user: [{ name: 'a', password: 'x' }], url: 'mqtts://u:p@h:1/x', apiToken: 'y', key_file: '/k' }),
    {
      user: [{ name: 'a', password: '[secret]' }],
      url: 'mqtts://[secret]@h:1/x',
      apiToken: '[secret]',
      key_file: '/k',
    },
  );
});
