import { spawn } from 'node:child_process';
import test from 'ava';
import { root } from './tree.ts';

const fuzz = (target: string, seconds: number): Promise<{ code: number | null; output: string }> => {
  const args = ['scripts/fuzz.ts', '--targets', 'test/house/planted.ts', '--target', target, '--seed', '1'];
  const child = spawn(process.execPath, [...args, '--seconds', String(seconds)], { cwd: root });
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  child.stderr.on('data', (text) => (output += text));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output })));
};

for (const [target, found] of [
  ['planted-throw', /FOUND in planted-throw: RangeError: offset is out of bounds/],
  ['planted-length', /FOUND in planted-length: asked for \d+ bytes of buffers/],
  ['planted-hang', /FOUND in planted-hang: no end within/],
] as const) {
  test(`the fuzzer finds what is planted: ${target}`, async (t) => {
    const { code, output } = await fuzz(target, 30);
    t.is(code, 1, output);
    t.regex(output, found);
  });
}

test('the fuzzer finds nothing where there is nothing', async (t) => {
  const { code, output } = await fuzz('planted-none', 1);
  t.is(code, 0, output);
});
