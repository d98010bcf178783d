import fc from 'fast-check';
import type { Epoch, PublicKey } from '#kernel';
import { milliseconds, sequence } from '#kernel';
import type { GapRecord, MessageRecord, RingStatus } from '#ring';
import { Lives } from '../../agent/bus/lives.ts';

export const keyA = 'a1'.repeat(32) as PublicKey;
export const keyB = 'b2'.repeat(32) as PublicKey;
export const keyC = 'c3'.repeat(32) as PublicKey;

export const epoch = (boot: number): Epoch => (boot.toString(16).padStart(8, '0') + 'e'.repeat(16)) as Epoch;

/** A ring whose first life this is. */
export const livesOf = (present: Epoch) =>
  new Lives({ state: () => undefined, status: { head: sequence(0) } as RingStatus, epoch: present }, keyA, false);

export function reading(at: number, changes: Partial<MessageRecord> = {}): MessageRecord {
  return {
    kind: 'message',
    sequence: sequence(at),
    epoch: epoch(1),
    topic: `plant/${at % 7}`,
    lane: 1,
    qos: 1,
    retain: false,
    latest: 'none',
    body: Buffer.from(`\0reading ${at}`),
    provenance: null,
    age: milliseconds(at % 100),
    ...changes,
  };
}

export const gapOf = (from: number, to: number, count: number, reason: GapRecord['reason'] = 'full'): GapRecord => ({
  kind: 'gap',
  from: sequence(from),
  to: sequence(to),
  count,
  reason,
  topics: [],
});

export const anyTopic: fc.Arbitrary<string> = fc
  .array(fc.constantFrom('a', 'plant', 'ä', '7', ''), { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((topic) => topic.length > 0);

const anyProvenance = fc.option(
  fc.record({
    origin: fc.constantFrom(keyB, keyC),
    epoch: fc.integer({ min: 1, max: 3 }).map(epoch),
    sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }).map(sequence),
    via: fc.constant(keyC),
    hopsLeft: fc.integer({ min: 1, max: 7 }),
  }),
);

export const anyRecord: fc.Arbitrary<MessageRecord> = fc.record({
  kind: fc.constant('message' as const),
  sequence: fc.integer({ min: 1, max: 1000 }).map(sequence),
  epoch: fc.constant(epoch(1)),
  topic: anyTopic,
  lane: fc.constant(1 as const),
  qos: fc.constantFrom(0, 1, 2),
  retain: fc.boolean(),
  latest: fc.constantFrom('none', 'set', 'clear'),
  body: fc.uint8Array({ maxLength: 300 }),
  provenance: anyProvenance,
  age: fc.integer({ min: 0, max: 2 ** 45 }).map(milliseconds),
});
