import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { canMakeNamespaces } from './netns.ts';
import { stockBinary, waitMs } from './stock.ts';
import type { Citizen, Kind } from './town/citizen.ts';
import { everyoneTalks } from './town/talks.ts';
import { line, Town } from './town/town.ts';

const inTown = canMakeNamespaces && stockBinary !== undefined ? test : test.skip;
if (!canMakeNamespaces || stockBinary === undefined)
  console.log('skipped: idle neighbours, without root or MYCELIUM_BIN');

const windowMs = 45_000;

interface Idle {
  readonly packets: number;
  readonly cpuTicks: number;
  readonly grownKb: number;
}

inTown('an idle neighbour of ours costs a stock daemon no more than one of its own kind', async (t) => {
  const [ours, stock] = await Promise.all([idle(t, ['stock', 'ours']), idle(t, ['stock', 'stock'])]);
  for (const [name, { packets, cpuTicks, grownKb }] of Object.entries({ ours, stock })) {
    const perMinute = Math.round((packets * 60_000) / windowMs);
    console.log(`# beside an idle ${name}: ${perMinute} packets/min, ${cpuTicks} ticks of CPU, ${grownKb} kB more`);
  }
  t.true(ours.packets > 0);
  t.true(ours.packets <= 2 * stock.packets + 10);
  t.true(ours.cpuTicks <= 2 * stock.cpuTicks + 20);
  t.true(ours.grownKb <= stock.grownKb + 2048);
});

/** What happens at the first of two neighbours, and between them, while neither has anything to say. */
async function idle(t: ExecutionContext, kinds: readonly Kind[]): Promise<Idle> {
  const town = await Town.found(t, kinds, line(kinds.length));
  await everyoneTalks(t, town.citizens, 'before the silence');
  await waitMs(2000);
  const [watched, street] = [town.citizen(0), town.street(0)];
  const before = { packets: street.packets(), cpu: cpuTicks(watched), kb: residentKb(watched) };
  await waitMs(windowMs);
  return {
    packets: street.packets() - before.packets,
    cpuTicks: cpuTicks(watched) - before.cpu,
    grownKb: residentKb(watched) - before.kb,
  };
}

/** proc(5): utime and stime, after the name in brackets. */
function cpuTicks({ pid }: Citizen): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return Number(fields[11]) + Number(fields[12]);
}

function residentKb({ pid }: Citizen): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
