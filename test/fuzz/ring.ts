import { assert } from '#kernel';
import { recordKind, recordSize, recordsOf, writeRecord } from '../../agent/ring/record.ts';
import type { Target } from '../../scripts/fuzz/target.ts';

const name = Buffer.from('plant/1');
const body = Buffer.from('0032312e35', 'hex');
const plain = { kind: recordKind.message, qos: 1, retain: false, latest: 'set', lane: 1, born: 5 } as const;
const provenance = { origin: 1, via: 2, sequence: 9, hopsLeft: 7 };

export const ring: readonly Target[] = [
  {
    name: 'ring-records',
    seeds: () => {
      const bytes = Buffer.alloc(recordSize(name.length, body.length, false) + recordSize(name.length, 0, true));
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      const next = writeRecord(bytes, view, 0, { ...plain, provenance: null }, name, body);
      writeRecord(bytes, view, next, { ...plain, provenance }, name, new Uint8Array(0));
      return [bytes];
    },
    run: (bytes) => {
      const buffer = Buffer.from(bytes);
      let taken = 0;
      for (const record of recordsOf(buffer, 0, buffer.length)) taken += record.name.length + record.body.length;
      assert(taken <= buffer.length, 'records do not overlap');
    },
  },
];
