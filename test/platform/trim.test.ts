import { execFileSync } from 'node:child_process';
import test from 'ava';

test('trimming gives back what starting took, and leaves no way to collect by hand', (t) => {
  const script = `
    import { trimHeap } from '#platform';
    let rubbish = Array.from({ length: 200_000 }, (_, index) => ({ index }));
    const before = process.memoryUsage().heapTotal;
    rubbish = [];
    trimHeap();
    console.log(process.memoryUsage().heapTotal < before / 2, typeof globalThis.gc);`;
  const found = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  t.is(found, 'true undefined\n');
});
