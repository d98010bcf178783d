import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { appendUntilCut, ext4, inspect } from '../../test/ring/ext4.ts';
import { cutLog, loggedRun } from '../../test/ring/logged-run.ts';

/**
 * `node scripts/soak/cuts.ts [--cuts 10000] [--minutes 60] [--seed N]`: power cuts and kills of a real ring, in turns: its log of
 * writes cut at any step (whatever was not synced kept or not, sector by sector), an ext4 on a loop device shut down under it
 * (EXT4_IOC_SHUTDOWN, as root), and SIGKILL. What was acknowledged has to be there, in order; anything else is printed, and
 * makes the exit code 1.
 */
const { values } = parseArgs({
  options: { cuts: { type: 'string' }, minutes: { type: 'string' }, seed: { type: 'string' } },
});
const wanted = Number(values.cuts ?? 10_000);
const untilMs = performance.now() + Number(values.minutes ?? 60) * 60_000;
const first = Number(values.seed ?? Date.now() % 1_000_000);
const logCutsEach = 400;
const realCutsEach = 40;
const done = { log: 0, ext4: 0, killed: 0 };
const total = (): number => done.log + done.ext4 + done.killed;
let records = 0;
let wrong = 0;

const disk = ext4();
if (typeof disk === 'string') say(`no real power cuts: ${disk}`);
const kept = mkdtempSync(join(tmpdir(), 'hypha-soak-'));
for (let seed = first; total() < wanted && performance.now() < untilMs; seed++) {
  const run = await loggedRun(seed, 2_000);
  for (const each of await cutLog(run, seed, logCutsEach)) fault(each);
  done.log += logCutsEach;
  records += run.acknowledged.at(-1)?.number ?? 0;
  if (typeof disk !== 'string') await onDisk(seed, join(disk.root, 'ring'), disk);
  await onDisk(seed, join(kept, 'ring'), null);
  say(
    `seed ${seed}: ${total()} cuts (${done.log} of the log, ${done.ext4} of an ext4, ${done.killed} kills), ${wrong} wrong`,
  );
}
if (typeof disk !== 'string') disk.remove();
rmSync(kept, { recursive: true, force: true });
say(`${total()} cuts, ${records} records acknowledged, ${wrong} wrong`);
process.exitCode = wrong === 0 ? 0 : 1;

/** Cuts or kills in a row on one ring, which goes on where it was. */
async function onDisk(
  seed: number,
  directory: string,
  disk: Exclude<ReturnType<typeof ext4>, string> | null,
): Promise<void> {
  disk?.mount();
  rmSync(directory, { recursive: true, force: true });
  let next = 0;
  for (let turn = 0; turn < realCutsEach; turn++) {
    const afterMs = 20 + ((seed * 31 + turn * 53) % 180);
    const acknowledged = await appendUntilCut(directory, next, 'sync', afterMs, () => disk?.cut());
    disk?.unmount();
    disk?.mount();
    const found = await inspect(directory, next);
    for (const each of found.wrong.slice(0, 3))
      fault(`seed ${seed}, ${disk === null ? 'kill' : 'cut'} ${turn}: ${each}`);
    if (found.last < acknowledged)
      fault(`seed ${seed}, turn ${turn}: ${acknowledged} acknowledged, ${found.last} found`);
    next = Math.max(found.last, acknowledged) + 1;
    done[disk === null ? 'killed' : 'ext4']++;
  }
  records += next;
  disk?.unmount();
}

function fault(text: string): void {
  wrong++;
  say(`wrong: ${text}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
