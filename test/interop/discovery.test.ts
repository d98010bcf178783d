import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { eventually } from './member.ts';
import { cable, canMakeNamespaces, namespace, setUp } from './netns.ts';
import { stockBinary } from './stock.ts';

const inNamespaces = canMakeNamespaces ? test : test.skip;
if (!canMakeNamespaces) console.log('skipped: discovery between network namespaces, which only root can make');
const withStock = canMakeNamespaces && stockBinary !== undefined ? test : test.skip;

interface Told {
  readonly publicKey: string;
  readonly peers: readonly { readonly endpoint: string; readonly kind: string; readonly state: string }[];
  readonly routes: readonly string[];
}

interface Ours {
  last: Told | null;
}

function spawnIn(
  t: ExecutionContext,
  where: string,
  command: string,
  args: readonly string[],
  cwd?: string,
): ChildProcess {
  const child = spawn('ip', ['netns', 'exec', where, command, ...args], { stdio: ['ignore', 'pipe', 'inherit'], cwd });
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

/** A node of ours in that namespace. */
function ours(t: ExecutionContext, where: string, options: Record<string, unknown>): Ours {
  const program = new URL('./node-process.ts', import.meta.url).pathname;
  const child = spawnIn(t, where, process.execPath, [program, JSON.stringify(options)]);
  const node: Ours = { last: null };
  let rest = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    const lines = (rest + bytes.toString()).split('\n');
    rest = lines.pop() ?? '';
    const line = lines.at(-1);
    if (line !== undefined) node.last = JSON.parse(line);
  });
  return node;
}

const routeCount = ({ last }: Ours): number => last?.routes.length ?? 0;
const alive = ({ last }: Ours): string[] =>
  (last?.peers ?? []).filter(({ state }) => state === 'alive').map(({ kind }) => kind);

inNamespaces('two nodes on one cable find each other by multicast, without a single address configured', async (t) => {
  const [a, b] = [namespace(t, 'a'), namespace(t, 'b')];
  cable([a, 'eth0'], [b, 'wlan0']);
  const nodes = [ours(t, a, { discovery: true }), ours(t, b, { discovery: true })];
  await eventually(() => nodes.every((node) => routeCount(node) === 1));
  const [first, second] = nodes.map(({ last }) => last);
  t.deepEqual(first?.routes, [second?.publicKey]);
  t.deepEqual(nodes.flatMap(alive).sort().slice(0, 2), ['inbound', 'link-local']);
  t.regex(
    [...(first?.peers ?? []), ...(second?.peers ?? [])].find(({ kind }) => kind === 'link-local')?.endpoint ?? '',
    /^tcp:\/\/\[fe80::[0-9a-f:]+%(eth0|wlan0)\]:9651$/,
  );
});

inNamespaces(
  'a neighbour on an interface that is not named is not found, and one behind a cable plugged in later is',
  async (t) => {
    const [hub, inside, outside] = [namespace(t, 'hub'), namespace(t, 'in'), namespace(t, 'out')];
    cable([hub, 'lan0'], [inside, 'eth0']);
    cable([hub, 'wan0'], [outside, 'eth0']);
    setUp(inside, 'eth0', false);
    const [center, far, near] = [
      ours(t, hub, { discovery: ['lan0'] }),
      ours(t, outside, { discovery: true }),
      ours(t, inside, { discovery: true }),
    ];
    await eventually(() => [center, far, near].every(({ last }) => last !== null));
    setUp(inside, 'eth0', true);
    await eventually(() => routeCount(near) === 1);
    t.deepEqual(near.last?.routes, [center.last?.publicKey ?? '']);
    t.deepEqual(far.last?.peers, []);
  },
);

withStock('a stock daemon on the same cable is found by our first beacon', async (t) => {
  const [a, b] = [namespace(t, 'ours'), namespace(t, 'stock')];
  cable([a, 'eth0'], [b, 'eth0']);
  const folder = mkdtempSync(join(tmpdir(), 'hypha-discovery-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const flags = ['--silent', '--no-tun', '--disable-quic', '-k', join(folder, 'key')];
  spawnIn(t, b, stockBinary ?? '', flags, folder).stdout?.resume();
  await new Promise((resolve) => setTimeout(resolve, 500));
  const node = ours(t, a, { discovery: true });
  await eventually(() => routeCount(node) === 1);
  t.true(alive(node).length > 0);
});
