import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import test from 'ava';
import { AgentProcess } from '../load/agent-process.ts';
import { audit } from '../load/audit.ts';
import { within } from '../load/patience.ts';
import { Publisher } from '../load/publisher.ts';
import { Subscriber } from '../load/subscriber.ts';

const patienceMs = 30_000;
const client = { version: 5, clean: false, keepAliveSeconds: 5, qos: 2 } as const;

/** What an agent's account says of its readers, and of the records that came over the bus. */
interface Audit {
  readonly addsUp: boolean;
  readonly lines: readonly { readonly pending: number; readonly dropped: Readonly<Record<string, number>> }[];
  readonly inbound: readonly { readonly name: string; readonly stored: number; readonly duplicates: number }[];
}

interface Diamond {
  readonly a: AgentProcess;
  readonly b: AgentProcess;
  readonly c: AgentProcess;
}

/**
 * Three agents as `hypha run` starts them, and the same topics on both ways:
 *
 *     a ───→ c
 *      ↘ b ↗
 */
async function makeDiamond(directory: string): Promise<Diamond> {
  const [a, b, c] = await Promise.all([make(directory, 'a'), make(directory, 'b'), make(directory, 'c')]);
  a.configure([], `${contacts({ b, c })}${link('b')}${link('c')}`);
  b.configure([a.overlayUrl], `${contacts({ a, c })}${link('c')}${accept('a')}`);
  c.configure([a.overlayUrl, b.overlayUrl], `${contacts({ a, b })}${accept('a')}${accept('b')}`);
  return { a, b, c };
}

const make = (directory: string, name: string): Promise<AgentProcess> =>
  AgentProcess.create({ name, directory: `${directory}/${name}` });

const contacts = (known: Readonly<Record<string, AgentProcess>>): string => {
  const keys = Object.entries(known).map(([name, agent]) => `${name} = "${agent.publicKey}"`);
  return `ring = { size = "16MB", commit = "5ms" }\ncontacts = { ${keys.join(', ')} }\n`;
};
const link = (to: string): string => `[[link]]\nto = "${to}"\ntopics = ["plant/#"]\n`;
const accept = (from: string): string => `[[accept]]\nfrom = "${from}"\ntopics = ["plant/#"]\n`;

const makePublisher = (publisher: number, { mqttPort: port }: AgentProcess): Publisher =>
  new Publisher({
    ...client,
    port,
    clientId: `sensor-${publisher}`,
    publisher,
    topic: `plant/${publisher}`,
    payloadBytes: 100,
    window: 10,
  });

const accountOf = async (agent: AgentProcess): Promise<Audit> => (await agent.ask('ring/audit')) as Audit;
const total = (of: readonly number[]): number => of.reduce((sum, one) => sum + one, 0);

/** Resolves when neither a link nor the subscriber is owed anything any more. */
async function settled(agents: readonly AgentProcess[]): Promise<void> {
  for (;;) {
    const accounts = await Promise.all(agents.map(accountOf));
    if (accounts.every(({ lines }) => lines.every(({ pending }) => pending === 0))) return;
    await pause(50);
  }
}

test('what comes directly and by a relay that is killed is delivered once, and the account shows the copies', async (t) => {
  const directory = mkdtempSync(`${tmpdir()}/hypha-diamond-`);
  const { a, b, c } = await makeDiamond(directory);
  const agents = [a, b, c];
  const publishers = [0, 1].map((each) => makePublisher(each, a));
  const subscriber = new Subscriber({ ...client, port: c.mqttPort, clientId: 'far', filter: 'plant/#' });
  const arrived = (count: number): Promise<void> =>
    within(
      patienceMs,
      () => `${count} readings, found ${subscriber.log.count}`,
      subscriber.progress.until(() => subscriber.log.count >= count),
    );
  const publish = (count: number): void => publishers.forEach((each) => void each.publish(count));
  try {
    await Promise.all(agents.map((agent) => agent.start()));
    subscriber.start();
    await within(patienceMs, 'the subscription', subscriber.subscribed());
    for (const each of publishers) each.start();

    publish(400);
    await arrived(500);
    publish(400);
    await b.kill();
    await arrived(1_600);
    publish(400);
    await b.start();
    await arrived(2_400);
    await within(patienceMs, 'settled readers', settled(agents));

    const account = audit(
      publishers.map(({ log }) => log),
      subscriber.log,
      (near) => near,
    );
    t.deepEqual(account, {
      sent: 2_400,
      acknowledged: 2_400,
      delivered: 2_400,
      copies: 0,
      doubled: 0,
      outOfOrder: 0,
      lost: 0,
      invented: 0,
    });
    const accounts = await Promise.all(agents.map(accountOf));
    t.true(accounts.every(({ addsUp }) => addsUp));
    t.is(total(accounts.flatMap(({ lines }) => lines.flatMap(({ dropped }) => Object.values(dropped)))), 0);
    const [, relay, far] = accounts;
    t.deepEqual(
      far?.inbound.map(({ name, stored, duplicates }) => [name, stored + duplicates]).sort(),
      [
        ['a', 2_400],
        ['b', 2_400],
      ],
      'each way has brought all of them',
    );
    t.is(total(far?.inbound.map(({ duplicates }) => duplicates) ?? []), 2_400);
    t.like(relay?.inbound, [{ name: 'a', stored: 2_400, duplicates: 0 }]);
  } finally {
    await Promise.all([...publishers, subscriber].map((each) => each.stop()));
    await Promise.all(agents.map((agent) => agent.kill()));
    rmSync(directory, { recursive: true, force: true });
  }
});
