import type { Duration, Epoch, Sequence } from '#kernel';
import type { PendingGap } from './gaps.ts';
import type { StoredRecord } from './record.ts';
import type { GapRecord, MessageRecord, Provenance } from './types.ts';

export function messageRecord(
  record: StoredRecord,
  topic: string,
  sequence: number,
  epoch: Epoch,
  now: number,
  provenance: Provenance | null,
): MessageRecord {
  const { lane, qos, retain, latest, body } = record;
  return {
    kind: 'message',
    sequence: sequence as Sequence,
    epoch,
    topic,
    lane,
    qos,
    retain,
    latest,
    body,
    provenance,
    age: Math.max(0, now - record.born) as Duration,
  };
}

export const gapRecord = ({ from, to, count, reason, topics }: PendingGap): GapRecord => ({
  kind: 'gap',
  from: from as Sequence,
  to: to as Sequence,
  count,
  reason,
  topics,
});
