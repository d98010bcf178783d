import test from 'ava';
import { Tree } from './tree.ts';

/** A file that breaks a law (or none, for the controls), and the law that must name it. */
interface Plant {
  readonly title: string;
  readonly file: string;
  readonly text: string;
  readonly rule: string | null;
}

const door = 'export interface Door {\n  readonly open: boolean;\n}\n';
const rooms = [
  'kernel',
  'codec',
  'crypto',
  'overlay',
  'ring',
  'bus',
  'broker',
  'links',
  'api',
  'platform',
  'app',
  'cli',
];
const house = Object.fromEntries([
  ...rooms.map((room) => [`agent/${room}/index.ts`, door]),
  ['agent/ring/inner.ts', door],
  ['drivers/other/index.ts', door],
  ['test/sim/index.ts', door],
]);

const type = (from: string): string => `import type { Door } from '${from}';\nexport type Mine = Door;\n`;
const value = (from: string): string => `import * as all from '${from}';\nexport const mine = all;\n`;

const plants: readonly Plant[] = [
  {
    title: 'imports go down: the ring may not see the bus',
    file: 'agent/ring/a.ts',
    text: type('#bus'),
    rule: 'law-1-storeys',
  },
  {
    title: 'imports go down: the ring may not see the overlay beside it',
    file: 'agent/ring/b.ts',
    text: type('#overlay'),
    rule: 'law-1-storeys',
  },
  { title: 'the kernel sees nobody', file: 'agent/kernel/a.ts', text: type('#codec'), rule: 'law-1-storeys' },
  {
    title: 'the broker may not see the bus beside it',
    file: 'agent/broker/a.ts',
    text: type('#bus'),
    rule: 'law-1-storeys',
  },
  { title: 'nobody below sees the platform', file: 'agent/api/a.ts', text: type('#platform'), rule: 'law-1-storeys' },
  { title: 'the product does not import tests', file: 'agent/bus/a.ts', text: type('#sim'), rule: 'law-1-product' },
  {
    title: 'a driver sees no room above the codec',
    file: 'drivers/one/a.ts',
    text: type('#ring'),
    rule: 'law-1-outside',
  },
  {
    title: 'a driver never sees another driver',
    file: 'drivers/one/b.ts',
    text: type('../other/index.ts'),
    rule: 'law-1-outside',
  },
  {
    title: 'a room is not entered through the window',
    file: 'agent/bus/b.ts',
    text: type('../ring/inner.ts'),
    rule: 'law-2-doors',
  },
  {
    title: 'a door is called by its name',
    file: 'agent/bus/c.ts',
    text: type('../ring/index.ts'),
    rule: 'law-2-doors',
  },
  { title: 'a room does not use its own door', file: 'agent/ring/c.ts', text: type('#ring'), rule: 'law-2-doors' },
  { title: 'aedes lives in the broker', file: 'agent/links/a.ts', text: value('aedes'), rule: 'law-3-powers' },
  { title: 'fastify lives in the api', file: 'agent/broker/b.ts', text: value('fastify'), rule: 'law-3-powers' },
  { title: 'sodium lives in crypto', file: 'agent/bus/d.ts', text: value('sodium-native'), rule: 'law-3-powers' },
  { title: 'the disk is the platform’s', file: 'agent/ring/d.ts', text: value('node:fs'), rule: 'law-3-powers' },
  {
    title: 'the disk is the platform’s, as promises too',
    file: 'agent/ring/e.ts',
    text: value('node:fs/promises'),
    rule: 'law-3-powers',
  },
  {
    title: 'timers are the platform’s',
    file: 'agent/links/b.ts',
    text: value('node:timers/promises'),
    rule: 'law-3-powers',
  },
  { title: 'sockets are the platform’s', file: 'agent/overlay/a.ts', text: value('node:net'), rule: 'law-3-powers' },
  {
    title: 'modules without the prefix are found as well',
    file: 'agent/overlay/b.ts',
    text: value('net'),
    rule: 'law-3-powers',
  },
  {
    title: 'the overlay ciphers through crypto',
    file: 'agent/overlay/c.ts',
    text: value('node:crypto'),
    rule: 'law-3-powers',
  },
  { title: 'the app has no Node', file: 'agent/app/a.ts', text: value('node:path'), rule: 'law-3-powers' },
  {
    title: 'a cycle of types alone is a cycle',
    file: 'agent/ring/f.ts',
    text: type('./g.ts').replace('Mine', 'Door'),
    rule: 'law-4-cycles',
  },
  {
    title: 'the product needs no development package',
    file: 'agent/broker/d.ts',
    text: value('aedes-persistence'),
    rule: 'product-packages',
  },
  { title: 'an import leads somewhere', file: 'test/ring/b.ts', text: type('./nowhere.ts'), rule: 'resolves' },
  { title: 'the ring may checksum', file: 'agent/ring/i.ts', text: value('node:zlib'), rule: null },
  { title: 'the broker may stream', file: 'agent/broker/c.ts', text: value('node:stream'), rule: null },
  { title: 'the platform may all of Node', file: 'agent/platform/b.ts', text: value('node:fs/promises'), rule: null },
  { title: 'the app sees the rooms below', file: 'agent/app/b.ts', text: type('#platform'), rule: null },
  { title: 'crypto has its libraries', file: 'agent/crypto/a.ts', text: value('@noble/hashes/blake3.js'), rule: null },
  { title: 'a room sees its own files', file: 'agent/ring/j.ts', text: type('./inner.ts'), rule: null },
  { title: 'tests may look inside', file: 'test/ring/a.ts', text: type('../../agent/ring/inner.ts'), rule: null },
];

interface Violation {
  readonly from: string;
  readonly rule: { readonly name: string };
}

const cruised = (() => {
  const files = Object.fromEntries(plants.map((plant) => [plant.file, plant.text]));
  const tree = new Tree({ ...house, ...files, 'agent/ring/g.ts': type('./f.ts').replace('Mine', 'Door') });
  try {
    const where = ['agent', 'drivers', 'test'];
    const report = tree.run('.bin/depcruise', '--config', '.dependency-cruiser.js', '-T', 'json', ...where);
    return (JSON.parse(report) as { summary: { violations: Violation[] } }).summary.violations;
  } finally {
    tree.remove();
  }
})();

for (const plant of plants) {
  test(plant.title, (t) => {
    const found = new Set(cruised.filter((each) => each.from === plant.file).map((each) => each.rule.name));
    t.deepEqual([...found], plant.rule === null ? [] : [plant.rule]);
  });
}
