import test from 'ava';
import { docsAsToml } from '#app';
import { table } from '../../agent/cli/output.ts';

const key = '588103263b28e248507f773efdc7c9bffed2253126178617041c5f6b80008153';
const address = '5e8:ee2c:26ed:d766:364e:cdc5:8b23:6d35';
const head = ['NAME', 'PUBLIC KEY', 'ADDRESS', 'REACHABLE'];
const rows = [['hub-rotterdam-1', key, address, 'yes']];

/** The table on a terminal that wide; undefined: on none. */
function shown(columns: number | undefined, wide: boolean): string {
  const before = Object.getOwnPropertyDescriptor(process.stdout, 'columns');
  Object.defineProperty(process.stdout, 'columns', { value: columns, configurable: true });
  try {
    return table(head, rows, { cut: [1, 2, 0], wide, under: () => 'under it' });
  } finally {
    Object.defineProperty(process.stdout, 'columns', before ?? { value: undefined, configurable: true });
  }
}

test.serial('a table is no wider than the terminal, and every column is there', (t) => {
  for (const columns of [80, 100, 120]) {
    const lines = shown(columns, false).split('\n');
    t.true(
      lines.every((line) => line.length <= columns),
      lines.join('\n'),
    );
    t.regex(lines[1] ?? '', /^hub-rotterdam-1 +588103263b28\S*… ?\S* +5e8:ee2c:\S+ +yes$/);
    t.is(lines[2], '  under it');
  }
});

test.serial('--wide and a reader that is no terminal get everything', (t) => {
  for (const text of [shown(80, true), shown(undefined, false)]) {
    t.true(text.includes(key));
    t.true(text.includes(address));
  }
});

test('the documentation of the settings fits a terminal of 80 columns', (t) => {
  for (const line of docsAsToml().split('\n')) t.true(line.length <= 80, line);
});
