import test from 'ava';
import { isAgentError } from '#kernel';
import { targets } from './targets.ts';

/** Inputs that the fuzzer once found something with, so that it never comes back. */
const found: readonly (readonly [title: string, target: string, hex: string])[] = [
  ['a lost batch that a cursor comes to is counted, not thrown at it', 'ring-recovery', 'ff008002ff00'],
  ['a contacts file that ends in the middle of an announcement is read to its end', 'seal-inside', '02'.repeat(60)],
  ['a batch whose header counts more records than it holds is read to its end once', 'ring-recovery', '0100100c02ff00'],
  [
    'a route that lives shorter than its refresh comes ahead is due now, not in the past',
    'overlay-router',
    '00402a03003c083a0200400000ffff00000004f884b0d7be730057db4b359f23ae5e146e4e2512056704722506348c150c14753d0c933d04d42101004a14a8555d1c',
  ],
];

for (const [title, name, hex] of found) {
  test(title, async (t) => {
    const target = targets.find((each) => each.name === name);
    await target?.seeds();
    try {
      await target?.run(Buffer.from(hex, 'hex'));
    } catch (error) {
      t.true(isAgentError(error) && !/^Error: bug/.test(String(error)), String(error));
    }
    t.not(target, undefined);
  });
}

for (const target of targets) {
  test(`what ${target.name} starts from is taken`, async (t) => {
    for (const seed of await target.seeds()) await target.run(seed);
    t.pass();
  });
}
