import test from 'ava';
import fc from 'fast-check';
import type { Duration, Sequence } from '#kernel';
import { topicMatches } from '#kernel';
import type { Cursor, Entry, Ring } from '#ring';
import {
  messageFlags,
  nameOf,
  readRecord,
  recordKind,
  recordLength,
  recordSize,
  writeRecord,
} from '../../agent/ring/record.ts';
import { Bench, Chance, from, message, nodeKey, put, text } from './bench.ts';

const topics = ['a', 'a/b', 'a/b/c', 'd', '$s'];
const filterSets = [['#'], ['a/#'], ['+'], ['a/b', 'd'], ['a/+/c', 'a/b'], []];
const excepts = [null, nodeKey('x'), nodeKey('y')];

interface Told {
  readonly sequence: number;
  readonly topic: string;
  readonly body: string;
  readonly names: readonly string[];
}

/** What a cursor should be, kept as simply as can be. */
class ModelCursor {
  readonly except: string | null;
  filters: readonly string[];
  matched: Told[] = [];
  settled = 0;
  refused = 0;
  read = 0;

  constructor(except: string | null, filters: readonly string[]) {
    this.except = except;
    this.filters = filters;
  }

  append(record: Told): void {
    if (this.except !== null && record.names.includes(this.except)) return;
    if (this.filters.some((filter) => topicMatches(filter, record.topic))) this.matched.push(record);
  }
}

class Model {
  readonly cursors = new Map<string, ModelCursor>();
  readonly state = new Map<string, string>();
  readonly latest = new Map<string, string>();
}

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13]) {
  const small = seed > 8;
  const size = small ? ', small enough to be compacted' : '';
  test(`the ring does what a simple model of it does, through restarts and power cuts${size} (seed ${seed})`, async (t) => {
    const chance = new Chance(seed);
    const bench = new Bench(seed);
    const sizeBytes = (small ? 12 : 64) * 64 * 1024;
    const bulk = { commitWindow: 20 as Duration, sizeBytes: Math.floor(sizeBytes / 8), full: 'refuse' as const };
    const options = { sizeBytes, commitWindow: chance.pick([0, 5]) as Duration, lanes: { bulk } };
    let ring = await bench.open(options);
    let open = new Map<string, Cursor>();
    const model = new Model();
    let compacted = 0;
    if (small) {
      // Somebody who stays away and wants little.
      open.set('still', ring.cursor({ name: 'still', filters: ['still'], except: null, from: 'now' }));
      model.cursors.set('still', new ModelCursor(null, ['still']));
    }
    for (let step = 0; step < (small ? 500 : 250); step++) {
      const at = `seed ${seed} step ${step}`;
      switch (chance.between(0, 9)) {
        case 0:
        case 1:
        case 2:
        case 3:
          append(ring, model, chance, small ? 12_000 : 0);
          break;
        case 4:
          await makeOrChange(ring, model, open, chance);
          break;
        case 5:
          await bench.pass(chance.between(0, 30));
          break;
        case 6:
        case 7:
        case 8:
          for (const [name, cursor] of open)
            if (name !== 'still' || chance.hits(0.01))
              await readSome(t, bench, ring, cursor, model.cursors.get(name), chance, at);
          break;
        default:
          await restart();
          compare(t, ring, model, at);
      }
      async function restart(): Promise<void> {
        // What the model holds is durable before the death, the settled positions too.
        await bench.until(ring.whenDurable(ring.status.head));
        await bench.pass(3000);
        if (chance.hits(0.4)) await bench.until(ring.close());
        else if (chance.hits(0.5)) bench.powerCut();
        compacted += ring.status.compactedSegments;
        bench.kill();
        ring = await bench.open(options);
        open = new Map();
        for (const [name, known] of model.cursors) {
          known.read = known.settled + known.refused;
          open.set(name, ring.cursor({ name, filters: known.filters, except: known.except as never, from: 'now' }));
        }
      }
    }
    for (let left = 200; left > 0; left--)
      for (const [name, cursor] of open)
        await readSome(t, bench, ring, cursor, model.cursors.get(name), chance, `seed ${seed} end`);
    compare(t, ring, model, `seed ${seed} end`);
    t.is(ring.status.damagedBatches, 0);
    t.log(`${compacted} segments compacted`);
    if (small) t.true(compacted > 0);
  });
}

function append(ring: Ring, model: Model, chance: Chance, bodyBytes: number): void {
  const entries: Entry[] = [];
  for (let count = chance.between(1, 5); count > 0; count--) {
    if (chance.hits(0.3)) entries.push(put(`k${chance.between(0, 5)}`, chance.hits(0.3) ? null : `${chance.uint32()}`));
    else {
      const provenance = chance.hits(0.4)
        ? from(chance.pick(['x', 'y', 'z']), chance.pick(['x', 'y', 'z']), chance.between(1, 9))
        : null;
      const latest = chance.pick(['none', 'none', 'set', 'clear'] as const);
      const lane = chance.pick([0, 1, 2] as const);
      const body = `${chance.uint32()}`.padEnd(bodyBytes === 0 ? 0 : chance.between(0, bodyBytes), ' ');
      entries.push(
        message(bodyBytes > 0 && chance.hits(0.05) ? 'still' : chance.pick(topics), body, { provenance, latest, lane }),
      );
    }
  }
  const appended = ring.append(entries);
  if (!appended.ok) return;
  for (const [index, entry] of entries.entries()) {
    if (entry.kind === 'state') {
      if (entry.value === null) model.state.delete(entry.key);
      else model.state.set(entry.key, text(entry.value) ?? '');
      continue;
    }
    const { topic, provenance } = entry;
    const body = text(entry.body) ?? '';
    const names = provenance === null ? [] : [provenance.origin, provenance.via];
    for (const cursor of model.cursors.values())
      cursor.append({ sequence: appended.first + index, topic, body, names });
    if (entry.latest === 'set') model.latest.set(topic, body);
    if (entry.latest === 'clear') model.latest.delete(topic);
  }
}

async function makeOrChange(ring: Ring, model: Model, open: Map<string, Cursor>, chance: Chance): Promise<void> {
  const name = `c${chance.between(0, 4)}`;
  const filters = chance.pick(filterSets);
  const known = model.cursors.get(name);
  if (known === undefined) {
    const except = chance.pick(excepts);
    open.set(name, ring.cursor({ name, filters, except, from: 'now' }));
    model.cursors.set(name, new ModelCursor(except, filters));
  } else if (chance.hits(0.2)) {
    open.get(name)?.remove();
    open.delete(name);
    model.cursors.delete(name);
  } else {
    open.get(name)?.setFilters(filters);
    known.filters = filters;
  }
}

async function readSome(
  t: { deepEqual(a: unknown, b: unknown, text: string): boolean; is(a: unknown, b: unknown, text: string): boolean },
  bench: Bench,
  ring: Ring,
  cursor: Cursor,
  known: ModelCursor | undefined,
  chance: Chance,
  at: string,
): Promise<void> {
  if (known === undefined) return;
  if (chance.hits(0.1)) {
    cursor.rewind();
    known.read = known.settled + known.refused;
  }
  const most = chance.between(1, 12);
  const read = await bench.until(cursor.read(most, 1e6));
  const durable = known.matched.filter(({ sequence }) => sequence <= ring.durable);
  const wanted = durable.slice(known.read, known.read + most);
  const found = read.map((record) => record.kind === 'message' && [record.sequence, record.topic, text(record.body)]);
  t.deepEqual(
    found,
    wanted.map(({ sequence, topic, body }) => [sequence, topic, body]),
    `${at} ${cursor.name}`,
  );
  if (read.length === 0) t.is(cursor.readable, false, `${at} ${cursor.name}: readable, and nothing to read`);
  known.read += read.length;
  const done = known.settled + known.refused;
  if (known.read === done || chance.hits(0.4)) return;
  const count = chance.between(1, known.read - done);
  const refused = chance.hits(0.2) ? 1 : 0;
  cursor.settle((known.matched[done + count - 1]?.sequence ?? 0) as Sequence, refused);
  known.settled += count - refused;
  known.refused += refused;
  t.is(cursor.settledOrdinal, known.settled + known.refused, at);
}

function compare(
  t: { deepEqual(a: unknown, b: unknown, text: string): boolean },
  ring: Ring,
  model: Model,
  at: string,
): void {
  t.deepEqual(new Map([...ring.states('')].map(([key, value]) => [key, text(value)])), model.state, at);
  t.deepEqual(
    new Map([...ring.latestMatching('#')].map(({ topic, body }) => [topic, text(body)])),
    withoutDollar(model.latest),
    at,
  );
  const accounts = new Map(ring.cursors().map(({ name, account }) => [name, account]));
  for (const [name, known] of model.cursors) {
    const matched = known.matched.filter(({ sequence }) => sequence <= ring.durable).length;
    const { settled, refused } = known;
    const dropped = { full: 0, damaged: 0, expired: 0, refused, superseded: 0 };
    t.deepEqual(
      accounts.get(name),
      { matched, settled, dropped, pending: matched - settled - refused },
      `${at} ${name}`,
    );
  }
}

const withoutDollar = (latest: ReadonlyMap<string, string>): Map<string, string> =>
  new Map([...latest].filter(([topic]) => !topic.startsWith('$')));

test('every record that is written is read back the same, and no bytes make the reader throw', (t) => {
  const meta = fc.record({
    kind: fc.constantFrom(...Object.values(recordKind)),
    qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
    retain: fc.boolean(),
    latest: fc.constantFrom('none' as const, 'set' as const, 'clear' as const),
    lane: fc.constantFrom(0 as const, 1 as const, 2 as const),
    born: fc.nat({ max: 2 ** 48 - 1 }),
    provenance: fc.option(
      fc.record({
        origin: fc.nat(65_535),
        via: fc.nat(65_535),
        sequence: fc.nat({ max: 2 ** 48 - 1 }),
        hopsLeft: fc.nat(255),
      }),
    ),
  });
  const name = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(meta, name, name, fc.nat(9), (head, topic, body, at) => {
      const bytes = Buffer.alloc(at + recordSize(topic.length, body.length, head.provenance !== null));
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const { kind, qos, retain, latest, lane, born, provenance } = head;
      const flags = messageFlags(qos, retain, latest);
      const end = writeRecord(bytes, view, at, kind, flags, lane, born, provenance, topic, body);
      t.is(recordLength(view, at, end), end - at);
      t.is(recordLength(view, at, end - 1), 0);
      const read = readRecord(bytes, view, at, end - at);
      t.deepEqual(read, { ...head, body: Buffer.from(body) });
      t.is(nameOf(bytes, view, at), Buffer.from(topic).toString());
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 200 }), (garbage) => {
      const bytes = Buffer.from(garbage);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const length = recordLength(view, 0, bytes.length);
      if (length > 0) readRecord(bytes, view, 0, length);
    }),
  );
  t.pass();
});
