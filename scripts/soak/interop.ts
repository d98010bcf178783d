import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

/** `node scripts/soak/interop.ts [--times 10]`: all interop tests, the long ones too, so many times; root and MYCELIUM_BIN, please. */
const { values } = parseArgs({ options: { times: { type: 'string', default: '10' } } });
const times = Number(values.times);
if (!Number.isInteger(times) || times < 1) {
  process.stderr.write('soak: --times N wants a whole number\n');
  process.exit(2);
}

let faults = 0;
for (let turn = 1; turn <= times; turn++) {
  const began = performance.now();
  const { code, lines } = await runAll();
  const failed = lines.filter((line) => line.includes('✘'));
  const passed = lines.filter((line) => line.includes('✔')).length;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  process.stdout.write(
    `run ${turn} of ${times}: ${passed} passed, ${failed.length} failed, exit ${code}; ${seconds} s\n`,
  );
  for (const line of lines) if (line.startsWith('# ')) process.stdout.write(`  ${line.slice(2)}\n`);
  for (const line of failed) process.stdout.write(`  FAULT ${line.trim()}\n`);
  if (code !== 0) faults += Math.max(1, failed.length);
}
process.stdout.write(`${times} runs of interop: ${faults} faults\n`);
process.exitCode = faults === 0 ? 0 : 1;

function runAll(): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const program = new URL('../../node_modules/ava/entrypoints/cli.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [program, 'test/interop/*.test.ts'], {
    cwd: new URL('../..', import.meta.url).pathname,
    env: { ...process.env, LONG_TESTS: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (bytes: Buffer) => {
    text += bytes.toString();
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code: code ?? 1, lines: text.split('\n') })));
}
