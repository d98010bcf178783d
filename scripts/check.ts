import { checkSteps, runStep, runSteps } from './steps.ts';

/** `npm run check`: types, style, laws, dead code, words, generated files, then the tests. `--no-tests` leaves those out. */
const { failed } = await runSteps(checkSteps());
let testsPassed = true;
if (!process.argv.includes('--no-tests')) {
  const tests = await runStep({ name: 'tests', command: 'ava' }, (text) => process.stdout.write(text));
  testsPassed = tests.passed;
}
process.exitCode = failed === 0 && testsPassed ? 0 : 1;
