import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { decodeControl, encodeControl } from '../../agent/overlay/wire/control.ts';
import { Framer } from '../../agent/overlay/wire/framer.ts';
import { eventually, type Member, member, networkOf } from './member.ts';
import { freePort, waitMs } from './stock.ts';

const withOpenssl = spawnSync('openssl', ['version']).status === 0 ? test : test.skip;
const stockPrivate = process.env['MYCELIUM_PRIVATE_BIN'];
const withStock = stockPrivate === undefined ? test.skip : test.serial;
if (stockPrivate === undefined) console.log('skipped: stock in a private network, MYCELIUM_PRIVATE_BIN is not set');

const key = randomBytes(32);
const network = networkOf('plant 7', key);
const hello = encodeControl({ kind: 'hello', flags: 0x8000, seqno: 1, interval: 2000 });

const pskOptions = (name: string, psk: Uint8Array): string[] => [
  ...['-tls1_3', '-psk_identity', name, '-psk', Buffer.from(psk).toString('hex'), '-quiet'],
  ...['-ciphersuites', 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256'],
];

interface Openssl {
  readonly process: ChildProcess;
  /** Kinds of the overlay's control packets that came through it. */
  readonly kinds: string[];
  say(bytes: Uint8Array): void;
}

/** openssl as the far end of a link: what comes out of it is cut into the overlay's packets. */
function openssl(t: ExecutionContext, args: readonly string[]): Openssl {
  const child = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'ignore'] });
  t.teardown(() => child.kill('SIGKILL'));
  child.stdin.on('error', () => {});
  const kinds: string[] = [];
  const framer = new Framer({
    data: () => kinds.push('data'),
    control: (packet) => {
      const control = decodeControl(packet);
      kinds.push(control !== 'unknown' && 'kind' in control ? control.kind : 'refused');
    },
    skipped: () => kinds.push('skipped'),
  });
  child.stdout.on('data', (bytes: Buffer) => {
    if (framer.push(bytes) !== null) kinds.push('broken');
  });
  return { process: child, kinds, say: (bytes) => child.stdin.write(bytes) };
}

const client = (t: ExecutionContext, port: number, name: string, psk: Uint8Array): Openssl =>
  openssl(t, ['s_client', '-connect', `127.0.0.1:${port}`, ...pskOptions(name, psk)]);

async function server(t: ExecutionContext, name: string, psk: Uint8Array): Promise<Openssl & { port: number }> {
  const port = await freePort();
  const made = openssl(t, ['s_server', '-accept', `127.0.0.1:${port}`, '-nocert', ...pskOptions(name, psk)]);
  await listening(port);
  return { ...made, port };
}

/** s_server does not say when it listens; a connection that says nothing does it no harm. */
async function listening(port: number): Promise<void> {
  for (;;) {
    const isUp = await new Promise<boolean>((resolve) => {
      const probe = connect(port, '127.0.0.1', () => {
        probe.destroy();
        resolve(true);
      });
      probe.once('error', () => resolve(false));
    });
    if (isUp) return;
    await waitMs(20);
  }
}

withOpenssl('openssl s_client with name and key is a peer: hello, answer and updates go through', async (t) => {
  const ours = await member(t, { network });
  const far = client(t, ours.port, network.name, key);
  far.say(hello);
  await eventually(() => far.kinds.includes('ihu') && far.kinds.includes('update') && far.kinds.includes('hello'));
  t.false(far.kinds.includes('broken'));
  t.is(ours.peer('inbound')?.state, 'alive');
  t.regex(ours.peer('inbound')?.endpoint ?? '', /^tls:\/\/127\.0\.0\.1:/);
});

withOpenssl('openssl s_server with name and key is a peer, also when its address is written tcp://', async (t) => {
  const far = await server(t, network.name, key);
  const ours = await member(t, { network, peers: [{ scheme: 'tcp', host: '127.0.0.1', port: far.port }] });
  await eventually(() => far.kinds.includes('hello'));
  far.say(hello);
  await eventually(() => far.kinds.includes('ihu'));
  t.like(ours.peer('static'), { state: 'alive', endpoint: `tls://127.0.0.1:${far.port}`, why: null, failures: 0 });
});

for (const [what, name, psk, why] of [
  [
    'another key',
    network.name,
    randomBytes(32),
    /found another key, wanted name and key of the private network "plant 7"/,
  ],
  ['another name', 'office', key, /found the network "office", wanted name and key of the private network "plant 7"/],
] as const) {
  withOpenssl(`openssl s_client with ${what} is refused, and the log says why`, async (t) => {
    const ours = await member(t, { network });
    const far = client(t, ours.port, name, psk);
    far.say(hello);
    await eventually(() => ours.logged.some(({ event }) => event === 'stranger-turned-away'));
    t.regex(String(ours.logged.find(({ event }) => event === 'stranger-turned-away')?.fields['why']), why);
    t.is(ours.overlay.counters['handshakes_failed'], 1);
    t.is(ours.overlay.counters['links_open'], 0);
    t.deepEqual(far.kinds, []);
  });

  withOpenssl(`openssl s_server with ${what} is refused, and the peer says why`, async (t) => {
    const far = await server(t, name, psk);
    const ours = await member(t, { network, peers: [{ scheme: 'tls', host: '127.0.0.1', port: far.port }] });
    await eventually(() => (ours.peer('static')?.failures ?? 0) > 1);
    t.regex(ours.peer('static')?.why ?? '', /wanted name and key of the private network "plant 7"/);
    t.is(ours.overlay.counters['links_open'], 0);
    const told = ours.logged.filter(({ event }) => event === 'peer-unreachable');
    t.is(told.length, 1, 'once for all attempts');
    t.false(JSON.stringify(ours.logged).includes(key.toString('hex')));
  });
}

withOpenssl('a server with a certificate and without the key is refused', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hypha-tls-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const [certificate, secret] = [join(folder, 'cert'), join(folder, 'key')];
  const subject = ['-subj', '/CN=localhost', '-days', '2', '-nodes', '-keyout', secret, '-out', certificate];
  spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', ...subject]);
  const port = await freePort();
  openssl(t, ['s_server', '-accept', `127.0.0.1:${port}`, '-cert', certificate, '-key', secret, '-tls1_3', '-quiet']);
  await listening(port);
  const ours = await member(t, { network, peers: [{ scheme: 'tls', host: '127.0.0.1', port }] });
  await eventually(() => (ours.peer('static')?.failures ?? 0) > 0);
  t.is(ours.overlay.counters['links_open'], 0);
  t.regex(ours.peer('static')?.why ?? '', /found a node without the key/);
});

test('two nodes of ours in one private network exchange messages, and one outside gets in nowhere', async (t) => {
  const hub = await member(t, { network });
  const at = { host: '127.0.0.1', port: hub.port };
  const inside = await member(t, { network, peers: [at] });
  const outside = await member(t, { peers: [at] });
  inside.say(hub, 'from inside');
  await eventually(() => hub.received.length === 1);
  await eventually(
    () => (outside.peer('static')?.failures ?? 0) > 0 && hub.overlay.counters['handshakes_failed'] === 1,
  );
  t.false(outside.overlay.reachable(hub.overlay.publicKey));
  t.is(hub.overlay.counters['links_open'], 1);
});

async function startStock(t: ExecutionContext, name: string, psk: Uint8Array, peers: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'hypha-private-'));
  writeFileSync(join(folder, 'network'), psk, { mode: 0o600 });
  const [port, api, rpc] = [await freePort(), await freePort(), await freePort()];
  const flags = ['--no-tun', '--disable-quic', '--disable-peer-discovery', '--silent', '-k', join(folder, 'key')];
  const ports = ['-t', `${port}`, '--api-addr', `127.0.0.1:${api}`, '--jsonrpc-addr', `127.0.0.1:${rpc}`];
  const membership = ['--network-name', name, '--network-key-file', join(folder, 'network')];
  const dialled = peers.length > 0 ? ['--peers', ...peers] : [];
  const args = [...flags, ...ports, ...membership, ...dialled];
  const child = spawn(stockPrivate ?? '', args, { cwd: folder, stdio: 'ignore', env: { HOME: folder } });
  t.teardown(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  await listening(port);
  return { port };
}

const hasRoute = ({ overlay }: Member): boolean => overlay.routes().length > 0;

withStock('a stock daemon of the same private network is a peer, whoever dials', async (t) => {
  const listener = await startStock(t, network.name, key, []);
  const dialler = await member(t, { network, peers: [{ scheme: 'tls', host: '127.0.0.1', port: listener.port }] });
  await eventually(() => hasRoute(dialler));
  t.like(dialler.peer('static'), { state: 'alive', why: null });

  const ours = await member(t, { network });
  await startStock(t, network.name, key, [`tls://127.0.0.1:${ours.port}`]);
  await eventually(() => hasRoute(ours));
  t.is(ours.peer('inbound')?.state, 'alive');
});

withStock('a stock daemon of another private network is refused, whoever dials', async (t) => {
  const listener = await startStock(t, 'office', key, []);
  const dialler = await member(t, { network, peers: [{ scheme: 'tls', host: '127.0.0.1', port: listener.port }] });
  await eventually(() => (dialler.peer('static')?.failures ?? 0) > 0);
  t.regex(dialler.peer('static')?.why ?? '', /private network "plant 7"/);

  const ours = await member(t, { network });
  await startStock(t, network.name, randomBytes(32), [`tls://127.0.0.1:${ours.port}`]);
  await eventually(() => (ours.overlay.counters['handshakes_failed'] ?? 0) > 0);
  t.is(ours.overlay.counters['links_open'], 0);
});
