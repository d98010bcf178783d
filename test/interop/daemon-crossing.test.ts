import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { AgentProcess } from '../load/agent-process.ts';
import { audit } from '../load/audit.ts';
import { within } from '../load/patience.ts';
import { Publisher } from '../load/publisher.ts';
import { Subscriber } from '../load/subscriber.ts';
import { ApiRelay } from './api-relay.ts';
import { freePort, Stock, stockBinary } from './stock.ts';

/** Runs with a stock daemon in MYCELIUM_BIN (0.7.10); without one every test of this file is skipped. */
const withStock = stockBinary === undefined ? test.skip : test.serial;
if (stockBinary === undefined) console.log('skipped: agents over stock daemons, MYCELIUM_BIN is not set');

const patienceMs = 90_000;
const farTopic = (near: string): string => `gateway/${near}`;

/** An agent whose node is a stock daemon, asked through a relay. */
interface OverStock {
  readonly agent: AgentProcess;
  readonly stock: Stock;
  readonly relay: ApiRelay;
}

interface Ends {
  readonly gateway: AgentProcess;
  readonly hub: AgentProcess;
  /** All daemons; the first is the one that is killed. */
  readonly over: readonly OverStock[];
}

async function overStock(directory: string, name: string): Promise<Omit<OverStock, 'stock'> & { ports: Ports }> {
  const ports: Ports = [await freePort(), await freePort(), await freePort()];
  const relay = new ApiRelay(ports[1]);
  const variables = { HYPHA_OVERLAY_DAEMON: `http://127.0.0.1:${await relay.open()}` };
  const agent = await AgentProcess.create({ name, directory: `${directory}/${name}`, variables });
  return { agent, relay, ports };
}

type Ports = readonly [number, number, number];

const keyOf = (agent: AgentProcess): Uint8Array => readFileSync(`${agent.dataDirectory}/identity.key`);

function configure({ gateway, hub }: Pick<Ends, 'gateway' | 'hub'>, peers: readonly string[]): void {
  gateway.configure(
    peers,
    `ring = { size = "16MB" }\ncontacts = { hub = "${hub.publicKey}" }\n[[link]]\nto = "hub"\ntopics = ["plant/#"]\nprefix = "gateway/"\n`,
  );
  hub.configure(
    [],
    `ring = { size = "16MB" }\ncontacts = { gateway = "${gateway.publicKey}" }\n[[accept]]\nfrom = "gateway"\ntopics = ["gateway/#"]\n`,
  );
}

/** The hub's node is a stock daemon, the gateway's is embedded. */
async function oneOverStock(directory: string): Promise<Ends> {
  const { agent: hub, relay, ports } = await overStock(directory, 'hub');
  const gateway = await AgentProcess.create({ name: 'gateway', directory: `${directory}/gateway` });
  const stock = new Stock(ports, [], keyOf(hub));
  configure({ gateway, hub }, [`tcp://127.0.0.1:${stock.port}`]);
  return { gateway, hub, over: [{ agent: hub, stock, relay }] };
}

async function bothOverStock(directory: string): Promise<Ends> {
  const near = await overStock(directory, 'gateway');
  const far = await overStock(directory, 'hub');
  const farStock = new Stock(far.ports, [], keyOf(far.agent));
  const nearStock = new Stock(near.ports, [`tcp://127.0.0.1:${farStock.port}`], keyOf(near.agent));
  configure({ gateway: near.agent, hub: far.agent }, []);
  return {
    gateway: near.agent,
    hub: far.agent,
    over: [
      { ...near, stock: nearStock },
      { ...far, stock: farStock },
    ],
  };
}

async function startAll(t: ExecutionContext, directory: string, make: (directory: string) => Promise<Ends>) {
  const ends = await make(directory);
  t.teardown(async () => {
    await Promise.all([ends.gateway.kill(), ends.hub.kill(), ...ends.over.map(({ stock }) => stock.stop())]);
    for (const { relay } of ends.over) relay.close();
    if (t.passed) rmSync(directory, { recursive: true, force: true });
    else t.log(`left for whoever looks: ${directory}`);
  });
  for (const { stock } of ends.over) await stock.run();
  await Promise.all([ends.gateway.start(), ends.hub.start()]);
  return ends;
}

function clients(t: ExecutionContext, { gateway, hub }: Ends) {
  const session = { version: 5, clean: false, keepAliveSeconds: 5, qos: 2 } as const;
  const publisher = new Publisher({
    ...session,
    port: gateway.mqttPort,
    clientId: 'sensor',
    publisher: 0,
    topic: 'plant/0',
    payloadBytes: 100,
    window: 200,
  });
  const subscriber = new Subscriber({ ...session, port: hub.mqttPort, clientId: 'far', filter: 'gateway/plant/#' });
  t.teardown(() => Promise.all([publisher.stop(), subscriber.stop()]));
  subscriber.start();
  publisher.start();
  return { publisher, subscriber };
}

/** The daemon is dead: status and doctor say so. */
async function isToldOf(t: ExecutionContext, agent: AgentProcess): Promise<void> {
  const { daemon } = (await agent.ask('status')) as { daemon: { state: string; why: string } };
  t.is(daemon.state, 'unreachable');
  const doctor = agent.command('doctor').then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  );
  t.regex(await doctor, /daemon unreachable since \d+ s: daemon at 127\.0\.0\.1:\d+/);
}

/** The agent dies with a message looked at, handed on and not taken out. */
async function killBeforePop(agent: AgentProcess, relay: ApiRelay): Promise<void> {
  const { exited } = agent;
  relay.beforePop(() => agent.signal('SIGKILL'));
  const { signal } = await within(patienceMs, 'a message to be taken out', exited);
  if (signal !== 'SIGKILL') throw new Error(`the agent ended by ${signal}`);
  await agent.start();
}

async function crosses(t: ExecutionContext, make: (directory: string) => Promise<Ends>): Promise<void> {
  t.timeout(240_000);
  const ends = await startAll(t, mkdtempSync(`${tmpdir()}/hypha-daemon-`), make);
  const { publisher, subscriber } = clients(t, ends);
  await within(patienceMs, 'the subscription', subscriber.subscribed());
  const arrived = (): Promise<void> =>
    within(
      patienceMs,
      () => `every reading; ${JSON.stringify(audit([publisher.log], subscriber.log, farTopic))}`,
      subscriber.progress.until(() => subscriber.log.count >= publisher.log.sent && publisher.finished),
    );
  publisher.publish(100);
  await arrived();
  for (let turn = 0; turn < 3; turn++) {
    for (const { stock, agent, relay } of ends.over) {
      publisher.publish(200);
      await stock.kill();
      publisher.publish(200);
      await pause(300);
      if (turn === 0) await isToldOf(t, agent);
      await stock.run();
      const dead = killBeforePop(agent, relay);
      publisher.publish(200);
      await dead;
    }
    await arrived();
  }
  const found = audit([publisher.log], subscriber.log, farTopic);
  t.log(JSON.stringify(found), `${ends.over.map(({ relay }) => relay.pops)} pops`);
  t.like(found, { sent: publisher.log.sent, delivered: found.sent, lost: 0, doubled: 0, outOfOrder: 0, copies: 0 });
  const starts = ends.over.map(({ agent }) => agent.starts);
  t.deepEqual([...new Set(starts)], [4]);
}

withStock(
  'readings cross to an agent over a stock daemon exactly once, though daemon and agent are killed 3 times each',
  (t) => crosses(t, oneOverStock),
);

withStock('readings cross between two agents over stock daemons exactly once, whichever of the four is killed', (t) =>
  crosses(t, bothOverStock),
);

withStock("an agent whose identity.key is not the daemon's does not start, and says what to copy", async (t) => {
  const directory = mkdtempSync(`${tmpdir()}/hypha-daemon-`);
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const { agent, relay, ports } = await overStock(directory, 'gateway');
  t.teardown(() => relay.close());
  const stock = new Stock(ports, [], randomBytes(32));
  t.teardown(() => stock.stop());
  await stock.run();
  agent.configure([], '');
  const error = await t.throwsAsync(() => agent.start());
  t.regex(error?.message ?? '', /ended \(78\) before ready/);
  t.regex(error?.message ?? '', /copy the daemon's key file \(its --key-file\) to identity\.key/);
});
