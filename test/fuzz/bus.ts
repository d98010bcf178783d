import { assert, type Epoch, parsePublicKey } from '#kernel';
import { ackLayout, batchLayout, frameOf, helloLayout, openFrame, welcomeLayout } from '../../agent/bus/frame.ts';
import { ItemReader } from '../../agent/bus/item-reader.ts';
import { openRelayFrame, relayFrame } from '../../agent/bus/relay/frame.ts';
import type { Target } from '../../scripts/fuzz/target.ts';
import { readTable } from './same.ts';

const items = Buffer.from('010108000103612f62020568656c6c6f' + '8101020301', 'hex');

const toldGap = Buffer.from('c005030201000161' + '03', 'hex');

export const bus: readonly Target[] = [
  { name: 'bus-frame', seeds: seedFrames, run: readFrame },
  { name: 'relay-frame', seeds: seedRelayFrames, run: readRelayFrame },
  { name: 'bus-items', seeds: () => [items, toldGap], run: (bytes) => readItems(bytes, bytes.length) },
];

function seedFrames(): Uint8Array[] {
  const key = parsePublicKey('57'.repeat(32));
  assert(key !== null, 'a key');
  const course = { from: key, to: key, lane: 1 } as const;
  const epoch = '000000010123456789abcdef' as Epoch;
  const place = { placeEpoch: epoch, placeSequence: 7, placeOrdinal: 7 };
  const token = '0123456789abcdef';
  const before = { previousEpoch: epoch, previousSequence: 6, previousOrdinal: 6, epoch, before: 6 };
  return [
    frameOf('hello', course, helloLayout, { nonce: token, token, life: epoch, ...place }),
    frameOf('welcome', course, welcomeLayout, { nonce: token, token, life: epoch, ...place, refused: 0 }),
    frameOf('batch', course, batchLayout, { token, number: 1, ...before, count: 2, items }),
    frameOf('ack', course, ackLayout, { token, nonce: token, next: 2, held: 1, busy: 0, refused: 0 }),
  ];
}

function seedRelayFrames(): Uint8Array[] {
  const key = parsePublicKey('57'.repeat(32));
  assert(key !== null, 'a key');
  const ref = '0123456789abcdef';
  const place = '01'.repeat(20);
  const envelope = Buffer.from('sealed');
  return [
    relayFrame(key, key, { kind: 'deposit', says: { ref, recipient: key, slot: '07'.repeat(16), envelope } }),
    relayFrame(key, key, { kind: 'custody', says: { ref, verdict: 1, waitSeconds: 60 } }),
    relayFrame(key, key, { kind: 'letter', says: { ref, place, depositor: key, envelope } }),
    relayFrame(key, key, { kind: 'taken', says: { place, keep: 0 } }),
    relayFrame(key, key, { kind: 'announce', says: { of: key, announcement: envelope } }),
  ];
}

/** What is read is written back as it was. */
function readRelayFrame(bytes: Uint8Array): void {
  const frame = openRelayFrame(bytes);
  if (frame === null) return;
  const again = relayFrame(frame.from, frame.to, frame);
  // The flags are ignored.
  again[2] = bytes[2] ?? 0;
  assert(Buffer.compare(again, bytes) === 0, 'the same bytes again');
}

function readFrame(bytes: Uint8Array): void {
  const frame = openFrame(bytes);
  if (frame === null) return;
  if (frame.kind === 'hello') readTable(helloLayout, frame.body);
  if (frame.kind === 'welcome') readTable(welcomeLayout, frame.body);
  if (frame.kind === 'ack') readTable(ackLayout, frame.body);
  const batch = frame.kind === 'batch' ? readTable(batchLayout, frame.body) : null;
  if (batch !== null) readItems(batch.items, batch.count);
}

function readItems(bytes: Uint8Array, count: number): void {
  const reader = new ItemReader(bytes, count, 0);
  let before = 0;
  let taken = 0;
  for (let kind = reader.next(); kind === 'record' || kind === 'gap'; kind = reader.next()) {
    assert(reader.sequence > before, 'sequences only rise');
    before = reader.sequence;
    if (kind === 'record') taken += reader.body.length;
    const told = reader.gapTopics.reduce((sum, { count }) => sum + count, 0);
    assert(reader.gapTopics.length <= 8 && told <= reader.gapCount, 'topics hold no more than the gap');
    assert(taken <= bytes.length, 'bodies do not overlap');
  }
}
