import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { identityOf } from '#crypto';
import { program } from '../load/program.ts';
import { canMakeNamespaces, namespace } from './netns.ts';
import { waitMs } from './stock.ts';
import type { Citizen } from './town/citizen.ts';
import { StockCitizen } from './town/stock.ts';
import { crosses, everyoneTalks, news } from './town/talks.ts';
import { lay } from './town/town.ts';

/** Whole agents in three network namespaces: those at the ends are linked only through the one in the middle. */
const inNamespaces = canMakeNamespaces ? test.serial : test.skip;
if (!canMakeNamespaces) console.log('skipped: transit between network namespaces, which only root can make');

const root = fileURLToPath(new URL('../../', import.meta.url));

inNamespaces('an agent carries what others say to each other', async (t) => {
  await everyoneTalks(t, await threeAgents(t, 'transit = true'), 'by transit');
});

inNamespaces('an agent with transit = false talks for itself and carries nothing', async (t) => {
  const [left, middle, right] = await threeAgents(t, 'transit = false');
  const text = news('not carried');
  await left.send(right, text);
  for (const [from, to] of [
    [left, middle],
    [middle, right],
    [right, middle],
    [middle, left],
  ] as const) {
    await crosses(t, from, to, 'beside it');
  }
  await waitMs(2000);
  t.false(right.inbox.has(text));
  t.is(await left.nextHop(right), undefined);
});

inNamespaces(
  'an agent carries no more for others than its transit_limit, and talks for itself beyond it',
  async (t) => {
    const [left, middle, right] = await threeAgents(t, 'transit = true\ntransit_limit = "20KB/day"');
    await crosses(t, left, right, 'within the limit');
    const texts = Array.from({ length: 40 }, () => news('x'.repeat(1000)));
    for (const text of texts) await left.send(right, text);
    await waitMs(3000);
    const carried = texts.filter((text) => right.inbox.has(text)).length;
    t.true(carried < 20, `${carried} kB carried`);
    await crosses(t, left, middle, 'beside it');
    await crosses(t, middle, right, 'beside it');
  },
);

type Three = readonly [Citizen, Citizen, Citizen];

async function threeAgents(t: ExecutionContext, middle: string): Promise<Three> {
  program();
  const places = ['left', 'middle', 'right'].map((name) => namespace(t, name));
  const [toLeft, toRight] = [lay(places, 1, 0, 0, false), lay(places, 1, 2, 1, false)];
  const keys = places.map(() => randomBytes(32));
  const contacts = keys.map((key, index) => `c${index} = "${identityOf(key).publicKey}"`).join('\n');
  const make = (index: number, hosts: readonly string[], more: string): Citizen =>
    agent(t, places[index] ?? '', keys[index] ?? randomBytes(32), hosts, `${more}\n[contacts]\n${contacts}`);
  const made: Three = [make(0, [], ''), make(1, [toLeft.farAddress, toRight.farAddress], middle), make(2, [], '')];
  for (const one of [made[0], made[2], made[1]]) await one.start();
  for (const end of [made[0], made[2]]) {
    while ((await end.nextHop(made[1])) === undefined) await waitMs(50);
    while ((await made[1].nextHop(end)) === undefined) await waitMs(50);
  }
  return made;
}

function agent(
  t: ExecutionContext,
  where: string,
  secretKey: Uint8Array,
  hosts: readonly string[],
  more: string,
): Citizen {
  const folder = mkdtempSync(join(tmpdir(), 'hypha-agents-'));
  const [data, config] = [join(folder, 'data'), join(folder, 'hypha.toml')];
  const peers = hosts.map((host) => `"tcp://${host.includes(':') ? `[${host}]` : host}:9651"`);
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(join(data, 'identity.key'), secretKey, { mode: 0o600 });
  writeFileSync(
    config,
    `node = { name = "${where}" }
ring = { size = "16MB" }
[overlay]
listen = ["tcp://[::]:9651"]
peers = [${peers.join(', ')}]
${more}
`,
  );
  const entry = join(root, program());
  const command = [process.execPath, entry, 'run', '--config', config, '--data', data];
  const made = new StockCitizen(where, 9651, [], secretKey, command);
  t.teardown(async () => {
    await made.remove();
    rmSync(folder, { recursive: true, force: true });
  });
  return made;
}
