/** Tests that take long or need root end in `.long.test.ts`; they run with LONG_TESTS=1, as scripts/test does. */
const long = process.env.LONG_TESTS === '1';

export default {
  extensions: ['ts'],
  files: ['test/**/*.test.ts', ...(long ? [] : ['!test/**/*.long.test.ts'])],
  environmentVariables: { FORCE_COLOR: '0' },
  timeout: long ? '20m' : '3m',
  workerThreads: false,
  concurrency: 2,
};
