import test from 'ava';
import type { Sequence } from '#kernel';
import type { Cursor, Lane, Ring, RingOptions } from '#ring';
import type { SimulatedDisk } from '#sim';
import { Bench, Chance, message } from './bench.ts';

const KiB = 1024;
const options: Partial<RingOptions> = {
  sizeBytes: 768 * KiB,
  full: 'drop-oldest',
  lanes: { bulk: { sizeBytes: 100 * KiB, full: 'drop-oldest' } },
};

/** What was promised when the power went. */
interface Cut {
  readonly at: string;
  readonly disk: SimulatedDisk;
  readonly durable: number;
  /** Bulk records up to here were told of as dropped to the cursor that does not settle. */
  readonly toldTo: number;
  /** Urgent records up to here were settled. */
  readonly settledTo: number;
}

const allOf = (ring: Ring): Cursor => ring.cursor({ name: 'all', filters: ['#'], except: null, from: 'now' });
const urgentOf = (ring: Ring): Cursor =>
  ring.cursor({ name: 'urgent', filters: ['lane/0'], except: null, from: 'now' });

async function cutsOf(seed: number): Promise<{ readonly cuts: Cut[]; readonly lanes: ReadonlyMap<number, Lane> }> {
  const chance = new Chance(seed);
  const bench = new Bench(seed);
  const ring = await bench.open(options);
  const all = allOf(ring);
  const urgent = urgentOf(ring);
  const lanes = new Map<number, Lane>();
  const cuts: Cut[] = [];
  let toldTo = 0;
  let settledTo = 0;
  bench.disk.onOperation = (phase, what, number) => {
    const disk = bench.disk.afterCut(bench.world, chance);
    cuts.push({ at: `${phase} ${what} ${number}`, disk, durable: ring.durable, toldTo, settledTo });
  };
  for (let step = 0; step < 130; step++) {
    const lane = chance.pick([0, 1, 2, 2, 2, 2, 2, 2] as const);
    const appended = ring.append([message(`lane/${lane}`, new Uint8Array(chance.between(10, 7_000)), { lane })]);
    if (appended.ok) lanes.set(appended.first, lane);
    // Half of the reads come before what was just appended, and what was given up for it, is durable.
    if (chance.hits(0.5)) await bench.pass(chance.between(0, 5));
    if (step % 5 === 4) {
      all.rewind();
      for (const one of await bench.until(all.read(1_000, 1e9)))
        if (one.kind === 'gap') toldTo = Math.max(toldTo, one.to);
    }
    if (step % 13 !== 12) continue;
    const last = (await bench.until(urgent.read(5, 1e9))).at(-1);
    if (last?.kind !== 'message') continue;
    urgent.settle(last.sequence);
    settledTo = last.sequence;
  }
  bench.disk.onOperation = () => undefined;
  return { cuts, lanes };
}

/** What of the promise is broken. */
async function brokenBy(cut: Cut, lanes: ReadonlyMap<number, Lane>): Promise<string[]> {
  const wrong: string[] = [];
  const bench = new Bench(1, (world) => cut.disk.moved(world));
  const ring = await bench.open(options);
  await bench.pass(500);
  if (ring.status.damagedBatches > 0) wrong.push('damage');
  const held = ring.status.lanes[2]?.usedBytes ?? 0;
  if (held > 108 * KiB) wrong.push(`bulk holds ${held}`);
  for (const cursor of [allOf(ring), urgentOf(ring)]) {
    const start = cursor.position;
    const seen = new Set<number>();
    let missing = 0;
    let before = start as number;
    while (cursor.readable)
      for (const one of await bench.until(cursor.read(100, 1e7))) {
        const at = one.kind === 'gap' ? one.to : one.sequence;
        // A gap of what was dropped at the settled place ends there.
        if (at <= before && !(one.kind === 'gap' && at === start)) wrong.push(`${cursor.name}: ${at} after ${before}`);
        before = at;
        if (one.kind === 'gap') missing += one.count;
        else seen.add(one.sequence);
        if (one.kind === 'message' && cursor.name === 'all' && one.lane === 2 && one.sequence <= cut.toldTo)
          wrong.push(`${one.sequence} comes back, was told of as dropped up to ${cut.toldTo}`);
      }
    for (const [sequence, lane] of lanes)
      if (lane !== 2 && sequence > start && sequence <= cut.durable && !seen.has(sequence))
        if (cursor.name === 'all' || lane === 0) wrong.push(`${cursor.name}: ${sequence} of lane ${lane} lost`);
    cursor.settle(before as Sequence);
    const { matched, settled, dropped, pending } = cursor.account;
    if (pending !== 0 || matched !== settled + dropped.full)
      wrong.push(`${cursor.name}: ${JSON.stringify(cursor.account)}`);
    if (dropped.full < missing) wrong.push(`${cursor.name}: ${missing} missing, ${dropped.full} dropped`);
  }
  return wrong;
}

test('a power cut before or after any disk operation while a lane drops loses nothing of the others, and brings back nothing that was told of', async (t) => {
  const seed = 31;
  const { cuts, lanes } = await cutsOf(seed);
  t.true(cuts.some(({ toldTo }) => toldTo > 0));
  // Every third: each stands beside its like.
  const some = cuts.filter((_, index) => index % 3 === 0);
  t.log(`seed ${seed}: ${some.length} of ${cuts.length} cuts, told of up to ${cuts.at(-1)?.toldTo}`);
  for (const cut of some) {
    const wrong = await brokenBy(cut, lanes);
    if (wrong.length > 0) t.fail(`seed ${seed}, ${cut.at}: ${wrong.slice(0, 5).join('; ')}`);
  }
});
