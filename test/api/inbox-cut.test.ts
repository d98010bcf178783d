import test from 'ava';
import type { ReceivedMessage } from '#overlay';
import type { SimulatedDisk } from '#sim';
import type { Inbox } from '../../agent/api/inbox/inbox.ts';
import { Chance, InboxBench, messageOf, numberOf } from './inbox-bench.ts';

interface Cut {
  readonly at: string;
  readonly disk: SimulatedDisk;
  /** Whose senders have been told. */
  readonly told: readonly number[];
  /** Which readers have begun to take, and which have been given. */
  readonly leaving: readonly number[];
  readonly given: readonly number[];
  /** Every message of the run, by its number. */
  readonly sent: ReadonlyMap<number, ReceivedMessage>;
}

/** Messages come and go, several at a time; at every operation a copy of the disk is made as a power cut would leave it. */
async function cuts(seed: number, ignoreSync = false): Promise<Cut[]> {
  const bench = new InboxBench(seed);
  bench.disk.faults.ignoreSync = ignoreSync;
  const chance = new Chance(seed);
  const inbox = await bench.open();
  const told: number[] = [];
  const given: number[] = [];
  const sent = new Map<number, ReceivedMessage>();
  let isTaking = 0;
  const found: Cut[] = [];
  bench.disk.onOperation = (phase, what, number) => {
    const disk = bench.disk.afterCut(bench.world, chance);
    // The oldest are taken first: at most so many of those told are on their way out.
    const leaving = told.filter((one) => !given.includes(one)).slice(0, isTaking);
    found.push({ at: `${phase} ${what} ${number}`, disk, told: [...told], leaving, given: [...given], sent });
  };
  const store = async (number: number): Promise<void> => {
    const message = messageOf(number, chance.pick(['', 'a', 'b/c']), chance.pick([8, 100, 5000, 20_000]));
    sent.set(number, message);
    if (!(await inbox.store(message))) return;
    told.push(number);
    told.sort((a, b) => a - b);
    inbox.offer(message);
  };
  const take = async (): Promise<void> => {
    isTaking++;
    const message = await bench.take(inbox);
    isTaking--;
    if (message !== null) given.push(numberOf(message));
  };
  for (let number = 1; number <= 24; number += 3) {
    await bench.through(Promise.all([number, number + 1, number + 2].map(store)));
    await bench.through(Promise.all([take(), take()]));
  }
  bench.disk.onOperation = null;
  return found;
}

/** What is wrong after the cut. */
async function wrongAfter(cut: Cut, seed: number): Promise<string[]> {
  const bench = new InboxBench(seed, (world) => cut.disk.moved(world));
  const inbox = await bench.open();
  const left = (await bench.all(inbox)).map(numberOf);
  const wrong: string[] = [];
  for (const number of cut.told) {
    if (!cut.given.includes(number) && !cut.leaving.includes(number) && !left.includes(number))
      wrong.push(`${number} lost`);
  }
  for (const number of left) if (cut.given.includes(number)) wrong.push(`${number} given twice`);
  if (new Set(left).size !== left.length) wrong.push('one stands there twice');
  const again = await bench.open();
  if (again.count !== 0) wrong.push('something came back');
  return [...wrong, ...(await wrongWhenSentAgain(cut, bench, again))];
}

/** All are empty-handed senders now: they send again whatever somebody was given. */
async function wrongWhenSentAgain({ given, sent }: Cut, bench: InboxBench, inbox: Inbox): Promise<string[]> {
  const wrong: string[] = [];
  for (const number of given) {
    const message = sent.get(number);
    if (message === undefined || !(await bench.add(inbox, message))) wrong.push(`${number} not acknowledged again`);
  }
  return [...wrong, ...(await bench.all(inbox)).map((message) => `${numberOf(message)} given twice, being sent again`)];
}

test('a power cut before or after any disk operation loses no message whose sender was told, and gives none twice, also if it is sent again', async (t) => {
  let count = 0;
  for (const seed of [1, 2, 3]) {
    for (const cut of await cuts(seed)) {
      count++;
      const wrong = await wrongAfter(cut, seed);
      if (wrong.length > 0) t.fail(`seed ${seed}, ${cut.at}: ${wrong.join('; ')}`);
    }
  }
  t.log(`${count} cuts`);
  t.true(count > 500, `${count} cuts`);
});

test('with the sync switched off the power cut test finds losses (negative control)', async (t) => {
  let wrong = 0;
  for (const cut of await cuts(4, true)) if ((await wrongAfter(cut, 4)).length > 0) wrong++;
  t.true(wrong > 50, `${wrong} cuts`);
});
