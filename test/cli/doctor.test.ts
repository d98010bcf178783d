import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import anyTest, { type TestFn } from 'ava';
import { clockFindings } from '../../agent/cli/doctor/here.ts';
import { redacted } from '../../agent/cli/doctor/redact.ts';
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
  const { connectAsync } = await import('mqtt');
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
  t.regex(note?.found ?? '', /^[1-9]\d* messages dropped since the start, from keys that are no contact$/);
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
