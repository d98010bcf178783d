import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { hypha, placeAgent, RunningAgent } from './hypha.ts';

const directory = await mkdtemp(join(tmpdir(), 'hypha-peers-'));
test.after.always(() => rm(directory, { recursive: true, force: true }));

interface Shown {
  readonly endpoint: string;
  readonly kind: string;
  readonly state: string;
  readonly why: string | null;
}

async function started(name: string, settings: string): Promise<RunningAgent> {
  return RunningAgent.start(placeAgent(directory, name, settings));
}

async function peersOf(agent: RunningAgent): Promise<readonly Shown[]> {
  return JSON.parse((await agent.hypha(['peers', '--json'])).stdout);
}

async function until(agent: RunningAgent, isSo: (peers: readonly Shown[]) => boolean): Promise<void> {
  while (!isSo(await peersOf(agent)));
}

test('a peer is added and removed while the agent runs', async (t) => {
  const hub = await started('hub', 'overlay = { listen = ["tcp://127.0.0.1:0"] }\n');
  const gateway = await started('gateway', 'overlay = { listen = [] }\n');
  t.teardown(() => Promise.all([hub.stop(), gateway.stop()]));
  const url = `tcp://${hub.doors['overlay']}`;
  const added = await gateway.hypha(['peers', 'add', url]);
  t.is(added.code, 0, added.stderr);
  t.regex(added.stdout, /until the agent stops; to keep it, add it to peers under \[overlay\]/);
  await until(gateway, ([first]) => first?.state === 'alive');
  t.deepEqual(
    (await peersOf(gateway)).map(({ endpoint, kind }) => [endpoint, kind]),
    [[url, 'static']],
  );

  const again = await gateway.hypha(['peers', 'add', url]);
  t.deepEqual([again.code, again.stderr], [1, `hypha: peer: ${url} is one already\n`]);
  const removed = await gateway.hypha(['peers', 'remove', url]);
  t.is(removed.code, 0, removed.stderr);
  t.deepEqual(await peersOf(gateway), []);
  const gone = await gateway.hypha(['peers', 'remove', url]);
  t.deepEqual([gone.code, gone.stderr], [1, `hypha: peer: found none at ${url}, wanted one of \`hypha peers\`\n`]);
});

test('a peer that cannot be reached says why, and never shows the password of its proxy', async (t) => {
  const agent = await started('alone', 'overlay = { listen = [] }\n');
  t.teardown(() => agent.stop());
  const proxy = 'socks5://me:hush@127.0.0.1:9';
  t.is((await agent.hypha(['peers', 'add', 'tcp://192.0.2.1:9651', '--proxy', proxy])).code, 0);
  await until(agent, ([first]) => first?.why !== null);
  const shown = await agent.hypha(['peers']);
  t.regex(shown.stdout, /tcp:\/\/192\.0\.2\.1:9651: proxy socks5:\/\/127\.0\.0\.1:9: .*nobody listens there/);
  t.false(JSON.stringify(await peersOf(agent)).includes('hush'));
  for (const [url, line] of [
    ['quic://192.0.2.1:9651', /wanted tcp:\/\/, or tls:\/\/ in a private network/],
    ['tls://192.0.2.1:9651', /this node is in no private network/],
    ['192.0.2.1', /wanted an address such as "tcp:\/\/192\.0\.2\.1:9651"/],
  ] as const) {
    const refused = await agent.hypha(['peers', 'add', url]);
    t.is(refused.code, 2);
    t.regex(refused.stderr, line);
    t.is(refused.stderr.trimEnd().split('\n').length, 1);
  }
});

test('an address that can never be a peer is refused before an agent is asked', async (t) => {
  const { code, stderr } = await hypha(['peers', 'add', 'quic://192.0.2.1:9651', '--data', join(directory, 'nobody')]);
  t.is(code, 2);
  t.regex(stderr, /^hypha: peer: found "quic:\/\/192\.0\.2\.1:9651", wanted tcp:[^\n]+\n$/);
});

test('init --lan makes a configuration that listens on all addresses and finds neighbours', async (t) => {
  const [config, data] = [join(directory, 'lan.toml'), join(directory, 'lan-data')];
  t.is((await hypha(['init', '--lan', '--name', 'gw', '--config', config, '--data', data])).code, 0);
  const checked = await hypha(['check', config]);
  t.is(checked.code, 0, checked.stderr);
});

for (const [what, make, line] of [
  ['is not there', async () => {}, /found nothing, wanted the network's key of exactly 32 bytes; copy it/],
  [
    'is too short',
    (file: string) => writeFile(file, 'short', { mode: 0o600 }),
    /found 5 bytes, wanted the network's key/,
  ],
  [
    'others may read',
    (file: string) => writeFile(file, Buffer.alloc(32), { mode: 0o644 }),
    /found mode 0644, wanted 0600/,
  ],
] as const) {
  test(`a private network whose key file ${what} ends the start with code 78 and one line`, async (t) => {
    const file = join(directory, `key that ${what}`);
    await make(file);
    const network = `network = { name = "plant", key_file = ${JSON.stringify(file)} }`;
    const agent = placeAgent(directory, `key-${what}`.replaceAll(' ', '-'), `[overlay]\nlisten = []\n${network}\n`);
    const ended = await hypha(['run', '--config', agent.config, '--data', agent.data]);
    t.is(ended.code, 78);
    t.regex(ended.stderr, line);
  });
}
