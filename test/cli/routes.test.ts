import test from 'ava';
import { type Route, routeTable } from '../../agent/cli/route-table.ts';

/** A stock daemon tells less of its routes. */
type Told = { readonly [K in keyof Route]?: Route[K] | undefined };

const route = (more: Told): Route => ({
  subnet: '5e8:ee2c:26ed:d766::/64',
  publicKey: '588103263b28e248507f773efdc7c9bffed2253126178617041c5f6b80008153',
  name: 'hub-rotterdam-1',
  nextHop: 'tcp://[2001:db8:1234:5678:9abc:def0:1234:5678]:9651',
  metric: 1_015,
  cost: 2_030,
  seqno: 12,
  selected: false,
  standing: 'trusted',
  suspectForMs: null,
  ageMs: 119_000,
  expiresInMs: 900_000,
  ...(more as Partial<Route>),
});

/** A stock daemon does not say more. */
const ofDaemon: Route = {
  subnet: '5e8:ee2c:26ed:d766::/64',
  publicKey: '588103263b28e248507f773efdc7c9bffed2253126178617041c5f6b80008153',
  name: null,
  nextHop: 'tcp://192.0.2.1:9651',
  metric: 1_015,
  seqno: 12,
  selected: false,
};

/** On a terminal of 80 columns. */
function shown(found: readonly Route[], wide = false): string {
  const before = Object.getOwnPropertyDescriptor(process.stdout, 'columns');
  Object.defineProperty(process.stdout, 'columns', { value: 80, configurable: true });
  try {
    return routeTable(found, wide);
  } finally {
    Object.defineProperty(process.stdout, 'columns', before ?? { value: undefined, configurable: true });
  }
}

test.serial(
  'routes show how each came to its place and how old it is, in 80 columns, with the words explained',
  (t) => {
    const text = shown([
      route({ selected: true }),
      route({}),
      route({ standing: 'held' }),
      route({ standing: 'suspect', suspectForMs: 45_000 }),
      route({ standing: 'suspect', suspectForMs: 600_000, selected: true }),
      ofDaemon,
    ]);
    const lines = text.split('\n');
    for (const line of lines.slice(0, 7)) t.true(line.length <= 80, line);
    t.deepEqual(
      lines.slice(0, 7).map((line) => line.slice(0, 8).trim()),
      ['USE', 'selected', 'spare', 'held', 'suspect', 'in doubt', 'spare'],
    );
    t.regex(lines[1] ?? '', /hub-rotterda… +5e8:ee2c\S*… +2030 +119 s +15 min +tcp:\/\/\S*…/);
    t.is(lines.filter((line) => /^(in doubt|suspect|held): /.test(line)).length, 3);
    t.regex(text, /suspect: .*for 10 min at most/);
    t.is(shown([route({ selected: true })]).split('\n').length, 2, 'what is plain is not explained');
  },
);

test.serial('with --wide the metric and the sequence number stand there, too', (t) => {
  t.regex(
    shown([route({ selected: true })], true),
    /USE +NODE +SUBNET +COST +METRIC +SEQNO +AGE +ENDS IN +BY\n.* 2030 +1015 +12 +119 s/,
  );
});
