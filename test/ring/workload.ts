import type { Duration, Sequence } from '#kernel';
import type { Cursor, Ring, RingOptions } from '#ring';
import { type Bench, Chance, message, put, text } from './bench.ts';

/** The second cursor settles, or lags until the oldest is dropped, or wants little and never settles. */
export type SlowReader = 'keeps-up' | 'lags' | 'wants-little';

const slowFilters = (slowDoes: SlowReader): string[] => (slowDoes === 'wants-little' ? ['rare'] : ['a/1', 'b']);

/**
 * A mixed workload that remembers what was promised: messages on three topics, state, retained messages, two cursors
 * that settle, one that lags.
 */
export class Workload {
  readonly appended = new Map<number, string>();
  /** State key → the values it had, with the sequence that set them. */
  readonly states = new Map<string, [number, string | null][]>();
  /** What each cursor has settled, by the time it said so. */
  durable = 0;
  ring: Ring;
  readonly #bench: Bench;
  readonly #chance: Chance;
  #number = 0;
  #fast: Cursor;
  #slow: Cursor;
  readonly slowDoes: SlowReader;

  constructor(bench: Bench, ring: Ring, seed: number, slowDoes: SlowReader = 'keeps-up') {
    this.#bench = bench;
    this.#chance = new Chance(seed);
    this.slowDoes = slowDoes;
    this.ring = ring;
    ring.onDurable((durable) => {
      this.durable = durable;
    });
    this.#fast = ring.cursor({ name: 'fast', filters: ['a/#'], except: null, from: 'now' });
    this.#slow = ring.cursor({ name: 'slow', filters: slowFilters(slowDoes), except: null, from: 'now' });
  }

  async run(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      this.#append();
      await this.#bench.pass(this.#chance.between(0, 3));
      if (step % 5 === 4) await this.#read(this.#fast);
      if (step % 9 === 8 && this.slowDoes === 'keeps-up') await this.#read(this.#slow);
    }
  }

  #append(): void {
    const entries = Array.from({ length: this.#chance.between(1, 4) }, () => this.#entry());
    const appended = this.ring.append(entries.map(({ entry }) => entry));
    if (!appended.ok) return;
    for (const [index, { label, key, value }] of entries.entries()) {
      const sequence = appended.first + index;
      this.appended.set(sequence, label);
      if (key === undefined) continue;
      const known = this.states.get(key) ?? [];
      known.push([sequence, value ?? null]);
      this.states.set(key, known);
    }
  }

  #entry() {
    const number = this.#number++;
    if (this.#chance.hits(0.3)) {
      const key = `k${this.#chance.between(0, 9)}`;
      const value = this.#chance.hits(0.2) ? null : `v${number}`;
      return { entry: put(key, value), label: `state ${key} ${value}`, key, value };
    }
    const rare = this.slowDoes === 'wants-little' && this.#chance.hits(0.08);
    const topic = rare ? 'rare' : this.#chance.pick(['a/1', 'a/2', 'b']);
    const body = `${number}:${'x'.repeat(this.#chance.between(0, this.#chance.hits(0.1) ? 9000 : 300))}`;
    return { entry: message(topic, body), label: `${topic} ${body}`, key: undefined, value: undefined };
  }

  async #read(cursor: Cursor): Promise<void> {
    const records = await this.#bench.until(cursor.read(100, 1e6));
    const last = records.at(-1);
    if (last !== undefined) cursor.settle((last.kind === 'message' ? last.sequence : last.to) as Sequence);
  }
}

/** Everything about a recovered ring that contradicts what was promised; empty when it kept its word. */
export async function broken(bench: Bench, ring: Ring, promised: Workload, durable: number): Promise<string[]> {
  const wrong: string[] = [];
  // What the start itself needs room for is dropped, or compacted, by then.
  await bench.pass(500);
  if (ring.status.damagedBatches > 0) wrong.push(`damage reported: ${ring.status.damagedBatches}`);
  if (ring.durable < durable) wrong.push(`durable ${ring.durable} of ${durable}`);
  for (const [key, history] of promised.states) checkState(ring, key, history, durable, wrong);
  for (const { name, account } of ring.cursors()) {
    const { matched, settled, dropped, pending } = account;
    const sum = settled + Object.values(dropped).reduce((all, count) => all + count, 0) + pending;
    if (matched !== sum || pending < 0) wrong.push(`${name}: matched ${matched}, accounted ${sum}, pending ${pending}`);
  }
  for (const { name } of ring.cursors()) await checkCursor(bench, ring, name, promised, durable, wrong);
  return wrong;
}

function checkState(
  ring: Ring,
  key: string,
  history: [number, string | null][],
  durable: number,
  wrong: string[],
): void {
  const found = text(ring.state(key)) ?? null;
  const known = history.filter(([sequence]) => sequence <= durable).at(-1)?.[1] ?? null;
  const later = history.filter(([sequence]) => sequence > durable).map(([, value]) => value);
  if (found !== known && !later.includes(found)) wrong.push(`state ${key}: ${found}, promised ${known}`);
}

const topicsOf = (name: string, { slowDoes }: Workload): readonly string[] =>
  name === 'fast' ? ['a/1', 'a/2'] : slowFilters(slowDoes);

async function checkCursor(
  bench: Bench,
  ring: Ring,
  name: string,
  promised: Workload,
  durable: number,
  wrong: string[],
): Promise<void> {
  const cursor = ring.cursor({
    name,
    filters: name === 'fast' ? ['a/#'] : slowFilters(promised.slowDoes),
    except: null,
    from: 'now',
  });
  const { pending } = cursor.account;
  const start = cursor.position;
  const seen = new Map<number, string>();
  let before = start as number;
  let count = 0;
  while (cursor.readable) {
    const records = await bench.until(cursor.read(1000, 1e7));
    if (records.length === 0) break;
    for (const record of records) {
      const at = record.kind === 'message' ? record.sequence : record.to;
      if (at <= before && record.kind === 'message') wrong.push(`${name}: ${at} after ${before}`);
      before = Math.max(before, at);
      if (record.kind === 'gap') continue;
      count++;
      seen.set(record.sequence, `${record.topic} ${text(record.body)}`);
    }
  }
  if (count !== pending) wrong.push(`${name}: ${count} read, ${pending} pending`);
  for (const [sequence, label] of promised.appended) {
    const topic = label.split(' ')[0] ?? '';
    if (!topicsOf(name, promised).includes(topic) || sequence <= start) continue;
    const found = seen.get(sequence);
    if (found === undefined && sequence <= durable) wrong.push(`${name}: ${sequence} lost (${label.slice(0, 20)})`);
    if (found !== undefined && found !== label)
      wrong.push(`${name}: ${sequence} is ${found.slice(0, 20)}, was ${label.slice(0, 20)}`);
    seen.delete(sequence);
  }
  for (const [sequence, label] of seen) wrong.push(`${name}: ${sequence} invented (${label.slice(0, 20)})`);
}

export const cutRing: RingOptions = {
  directory: 'ring',
  sizeBytes: 8 * 64 * 1024,
  full: 'drop-oldest',
  commitWindow: 0 as Duration,
};
