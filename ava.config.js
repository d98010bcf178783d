export default {
  extensions: ['ts'],
  files: ['test/**/*.test.ts'],
  environmentVariables: { FORCE_COLOR: '0' },
  timeout: '5m',
  workerThreads: false,
  concurrency: 2,
};
