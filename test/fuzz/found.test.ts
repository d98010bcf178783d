import test from 'ava';
import { isAgentError } from '#kernel';
import { targets } from './targets.ts';

/** Inputs that the fuzzer once found something with, so that it never comes back. */
const found: readonly (readonly [title: string, target: string, hex: string])[] = [
  ['a lost batch that a cursor comes to is counted, not thrown at it', 'ring-recovery', 'ff008002ff00'],
  ['a contacts file that ends in the middle of an announcement is read to its end', 'seal-inside', '02'.repeat(60)],
  ['a batch whose header counts more records than it holds is read to its end once', 'ring-recovery', '0100100c02ff00'],
];

for (const [title, name, hex] of found) {
  test(title, async (t) => {
    const target = targets.find((each) => each.name === name);
    await target?.seeds();
    try {
      await target?.run(Buffer.from(hex, 'hex'));
    } catch (error) {
      t.true(isAgentError(error), String(error));
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
