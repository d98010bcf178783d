import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { type Finished, hypha, makeDirectory, placeAgent, RunningAgent } from './hypha.ts';

const directory = makeDirectory();
test.after.always(() => directory.remove());

const quiet = 'overlay = { listen = [] }\n';

/** One clear line on stderr, nothing that looks like a crash. */
function isOneLine({ stderr }: Finished): boolean {
  return /^hypha: [^\n]+\n$/.test(stderr);
}

test('TOML that is none ends with 78 and one line with its place', async (t) => {
  const { config, data } = placeAgent(directory.path, 'toml', '[ring\n');
  const ended = await hypha(['run', '--config', config, '--data', data]);
  t.is(ended.code, 78);
  t.true(isOneLine(ended), ended.stderr);
  t.regex(ended.stderr, /toml\.toml: line 5, column 6: found text that is not TOML/);
});

test('an unknown key ends with 78 and the key that was meant', async (t) => {
  const { config, data } = placeAgent(directory.path, 'key', '[overlay]\npers = []\n');
  const ended = await hypha(['run', '--config', config, '--data', data]);
  t.is(ended.code, 78);
  t.true(isOneLine(ended), ended.stderr);
  t.true(
    ended.stderr.endsWith('overlay.pers: found the unknown key "pers", wanted a known key; did you mean "peers"?\n'),
    ended.stderr,
  );
});

test('check names every problem, one a line', async (t) => {
  const file = join(directory.path, 'many.toml');
  writeFileSync(file, '[ring]\nsize = "x"\nful = 1\n[[grant]]\ncontact = "a"\n');
  const ended = await hypha(['check', file]);
  t.is(ended.code, 78);
  t.deepEqual(
    ended.stderr
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^.*toml: /, '').split(':')[0]),
    ['ring.size', 'ring.ful', 'grant'],
  );
});

test('a key file that others may read ends with 78 and the command that mends it', async (t) => {
  const { config, data } = placeAgent(directory.path, 'loose', quiet);
  mkdirSync(data);
  writeFileSync(join(data, 'identity.key'), Buffer.alloc(32, 7));
  chmodSync(join(data, 'identity.key'), 0o640);
  const ended = await hypha(['run', '--config', config, '--data', data]);
  t.is(ended.code, 78);
  t.true(isOneLine(ended), ended.stderr);
  t.is(
    ended.stderr,
    `hypha: ${data}/identity.key: found mode 0640, wanted 0600; run: chmod 600 ${data}/identity.key\n`,
  );
});

test('a key file that is no key ends with 78', async (t) => {
  const { config, data } = placeAgent(directory.path, 'short', quiet);
  mkdirSync(data);
  writeFileSync(join(data, 'identity.key'), 'short', { mode: 0o600 });
  const ended = await hypha(['run', '--config', config, '--data', data]);
  t.is(ended.code, 78);
  t.is(ended.stderr, `hypha: ${data}/identity.key: found 5 bytes, wanted a key of 32; restore it or move it away\n`);
});

for (const [part, toml] of [
  [
    'mqtt',
    (port: number) => `mqtt = { listen = ["mqtt://127.0.0.1:${port}"] }\napi = { listen = [], rpc = [] }\n${quiet}`,
  ],
  [
    'api',
    (port: number) => `api = { listen = ["http://127.0.0.1:${port}"], rpc = [] }\nmqtt = { listen = [] }\n${quiet}`,
  ],
  ['overlay', (port: number) => `overlay = { listen = ["tcp://127.0.0.1:${port}"] }\nmqtt = { listen = [] }\n`],
] as const) {
  test(`a port that another program has ends the ${part} with 69 and one line`, async (t) => {
    const [server, port] = await taken();
    const config = join(directory.path, `port-${part}.toml`);
    writeFileSync(config, toml(port));
    const ended = await hypha(['run', '--config', config, '--data', join(directory.path, `port-${part}`)]);
    server.close();
    t.is(ended.code, 69, ended.stderr);
    t.true(isOneLine(ended), ended.stderr);
    t.true(
      ended.stderr.includes(
        `127.0.0.1:${port}: the port is taken by another program; stop the other program or set another port`,
      ),
      ended.stderr,
    );
  });
}

test('a second agent on one data directory ends with 75 and names the first; the first lives on', async (t) => {
  const place = placeAgent(directory.path, 'two', quiet);
  const first = await RunningAgent.start(place);
  const ended = await hypha(['run', '--config', place.config, '--data', place.data]);
  t.is(ended.code, 75, ended.stderr);
  t.true(isOneLine(ended), ended.stderr);
  t.true(ended.stderr.includes(`held by process ${first.pid}`), ended.stderr);
  const id = await first.hypha(['id', '--json']);
  t.is(id.code, 0);
  t.is(await first.stop(), 0);
});

test('an agent that was killed leaves the directory to the next', async (t) => {
  const place = placeAgent(directory.path, 'killed', quiet);
  const first = await RunningAgent.start(place);
  await first.stop('SIGKILL');
  const asked = await first.hypha(['peers']);
  t.is(asked.code, 69, 'its running.json is not believed');
  const second = await RunningAgent.start(place);
  t.is(await second.stop('SIGINT'), 0);
});

const oldNode = ['/usr/bin/node', '/usr/local/bin/node'].find((path) => existsSync(path) && majorOf(path) < 24);
(oldNode === undefined ? test.skip : test)('an old Node ends with 69 and one line', async (t) => {
  const ended = await hypha(['run'], { node: oldNode ?? '' });
  t.is(ended.code, 69);
  t.true(isOneLine(ended), ended.stderr);
  t.regex(ended.stderr, /node: found \d+\.\d+\.\d+, wanted 24 or newer; start it with scripts\/hypha/);
});

for (const [title, args, line] of [
  [
    'an unknown command ends with 2 and the one that was meant',
    ['rnu'],
    /unknown command 'rnu' \(Did you mean run\?\)/,
  ],
  ['an unknown option ends with 2', ['run', '--bogus'], /unknown option '--bogus'/],
  ['a missing argument ends with 2', ['send'], /missing required argument 'to'/],
  [
    'a command of a later version ends with 2 and says so',
    ['exec', 'gw', 'reboot'],
    /exec: found a command that is not in this version/,
  ],
  [
    'a key that is none ends with 2',
    ['contacts', 'add', 'hub', '57'],
    /KEY: found "57", wanted a public key of 64 hex digits/,
  ],
  ['a time-out that is none ends with 2', ['recv', '--timeout', 'x'], /--timeout: found "x", wanted whole seconds/],
] as const) {
  test(title, async (t) => {
    const ended = await hypha(args);
    t.is(ended.code, 2);
    t.true(isOneLine(ended), ended.stderr);
    t.regex(ended.stderr, line);
  });
}

test('a configuration file that is named and not there ends with 78', async (t) => {
  const ended = await hypha([
    'run',
    '--config',
    join(directory.path, 'none.toml'),
    '--data',
    join(directory.path, 'none'),
  ]);
  t.is(ended.code, 78);
  t.regex(ended.stderr, /none\.toml: found nothing, wanted a configuration file; make one with: hypha init\n$/);
});

test('every command shows an example', async (t) => {
  const commands = [
    'init',
    'run',
    'check',
    'config docs',
    'id',
    'contacts',
    'contacts add',
    'peers',
    'routes',
    'links',
    'ring',
    'ring audit',
    'send',
    'recv',
  ];
  for (const command of commands) {
    const { code, stdout } = await hypha([...command.split(' '), '--help']);
    t.is(code, 0, command);
    t.regex(stdout, /Example:\n {2}.*hypha /, command);
    for (const option of ['--json', '--config', '--data']) t.true(stdout.includes(option), `${command} ${option}`);
  }
});

test('init makes identity and configuration once, and keeps them', async (t) => {
  const config = join(directory.path, 'etc/hypha.toml');
  const data = join(directory.path, 'init');
  const first = await hypha(['init', '--name', 'gateway-7', '--config', config, '--data', data]);
  t.is(first.code, 0, first.stderr);
  t.regex(first.stdout, /^name +gateway-7\npublic key +[0-9a-f]{64}\naddress +[45][0-9a-f:]+\ncard +hypha:/);
  t.true(first.stdout.includes('█'), 'a QR code');
  const again = JSON.parse(
    (await hypha(['init', '--json', '--name', 'other', '--config', config, '--data', data])).stdout,
  );
  t.is(again.name, 'gateway-7');
  t.true(first.stdout.includes(again.publicKey));
  t.is((await hypha(['check', config])).code, 0);
});

async function taken(): Promise<[Server, number]> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return [server, address !== null && typeof address === 'object' ? address.port : 0];
}

function majorOf(node: string): number {
  return Number(execFileSync(node, ['-p', 'process.versions.node.split(".")[0]']).toString());
}
