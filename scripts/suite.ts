import { existsSync, globSync } from 'node:fs';
import { AvaReader, type Tally } from './ava-reader.ts';
import { checkSteps, report, root, runStep, runSteps, type Step } from './steps.ts';

/**
 * Everything there is to run, for scripts/test: the check, ava's tests, then (not with `--quick`) the long tests, the fuzzer
 * and the demonstration. A test of ava's counts as one, every other step as one. Ends with `N passed, N failed` and the exit
 * code that belongs to it.
 */
const quick = process.argv.includes('--quick');
const longSteps = [
  { name: 'fuzz', file: 'scripts/fuzz.ts', command: 'node scripts/fuzz.ts --seconds 60' },
  { name: 'sim', file: 'scripts/sim.ts', command: 'node scripts/sim.ts --seeds 300' },
  { name: 'demo', file: 'scripts/demo.ts', command: 'scripts/up --demo' },
];
const sum: Tally = { passed: 0, failed: 0, skipped: 0 };
const started = performance.now();

console.log('# check');
add({ ...(await runSteps(checkSteps())), skipped: 0 });

console.log('# tests');
add(await runTests('ava'));

if (!quick) {
  console.log('# long tests, one at a time');
  if (globSync('test/**/*.long.test.ts', { cwd: root }).length > 0) {
    add(await runTests("LONG_TESTS=1 ava --concurrency 1 'test/**/*.long.test.ts'"));
  }
  for (const step of longSteps) if (existsSync(`${root}${step.file}`)) add(await runWhole(step));
}

const minutes = ((performance.now() - started) / 60_000).toFixed(1);
console.log(`# ${minutes} minutes${quick ? ', without the long tests' : ''}`);
console.log(`${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''}`);
process.exitCode = sum.failed === 0 && sum.passed > 0 ? 0 : 1;

function add(part: Tally): void {
  sum.passed += part.passed;
  sum.failed += part.failed;
  sum.skipped += part.skipped;
}

/** An ava run that exits with an error though no test failed counts as a failure. */
async function runTests(command: string): Promise<Tally> {
  const reader = new AvaReader((line) => console.log(line));
  const outcome = await runStep({ name: command, command }, (text) => reader.take(text));
  const tally = reader.end();
  if (!outcome.passed && tally.failed === 0) tally.failed++;
  console.log(`# ${tally.passed + tally.failed} tests, ${tally.failed} failed, ${(outcome.ms / 1000).toFixed(0)} s`);
  return tally;
}

async function runWhole(step: Step): Promise<Tally> {
  const outcome = await runStep(step, () => {});
  report(step, outcome);
  if (outcome.passed) for (const line of outcome.output.trimEnd().split('\n').slice(-14)) console.log(`  ${line}`);
  return { passed: outcome.passed ? 1 : 0, failed: outcome.passed ? 0 : 1, skipped: 0 };
}
