import { newestCheckpoint } from './checkpoint.ts';
import { type CursorLine, Ledger, recordKind } from './ledger.ts';
import { type LogRecord, recordsOf, segmentsOf } from './log.ts';

/** A message record with its provenance spelt out. */
export interface StoredMessage {
  readonly sequence: number;
  /** The boot that wrote it here. */
  readonly epoch: string;
  readonly topic: string;
  readonly qos: number;
  readonly body: Buffer;
  /** Where it was born; null: here. */
  readonly origin: { readonly key: string; readonly epoch: string; readonly sequence: number } | null;
}

/** All that a ring's files say, read without a line of the product's code (agent/ring/FORMAT.md). */
export interface RingImage {
  /** In order of sequence, as far as they are still in the file. */
  readonly messages: readonly StoredMessage[];
  /** True when every record since the ring was made is there. */
  readonly isComplete: boolean;
  /** The accounts replayed from the first record on; null when the log does not reach back to it. */
  readonly fromLog: readonly CursorLine[] | null;
  /** The accounts from the newest checkpoint and what came after it; null without a checkpoint. */
  readonly fromCheckpoint: readonly CursorLine[] | null;
}

export function readRing(directory: string): RingImage {
  const checkpoint = newestCheckpoint(directory);
  const ledger = new Ledger();
  const messages: StoredMessage[] = [];
  let last = 0;
  let isComplete = true;
  for (const record of recordsOf(segmentsOf(directory))) {
    if (record.sequence !== last + 1) isComplete = false;
    last = record.sequence;
    if (isComplete) ledger.apply(record);
    if (checkpoint !== null && record.sequence > checkpoint.position) checkpoint.ledger.apply(record);
    if (record.kind === recordKind.message) messages.push(messageOf(record, isComplete ? ledger : checkpoint?.ledger));
  }
  return {
    messages,
    isComplete,
    fromLog: isComplete ? ledger.lines() : null,
    fromCheckpoint: checkpoint?.ledger.lines() ?? null,
  };
}

function messageOf(record: LogRecord, names: Ledger | undefined): StoredMessage {
  const { sequence, epoch, name, flags, body, provenance } = record;
  const born = provenance === null ? undefined : names?.origin(provenance.origin);
  const origin = provenance === null ? null : { ...(born ?? { key: '', epoch: '' }), sequence: provenance.sequence };
  return { sequence, epoch, topic: name, qos: flags & 3, body, origin };
}
