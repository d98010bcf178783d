import test from 'ava';
import fc from 'fast-check';
import { blake3 } from '#crypto';
import { type Address, instant, milliseconds, type PublicKey } from '#kernel';
import type { ReceivedMessage } from '#overlay';
import { Chance, simulatedRandom, World } from '#sim';
import { MessageMachine } from '../../agent/overlay/message/machine.ts';
import type { MessageOptions } from '../../agent/overlay/message/options.ts';
import { chunkPacket, donePacket, flag, initPacket } from '../../agent/overlay/message/wire.ts';
import { calm, flagsIn, pairOf } from './message-pair.ts';

const ours = '4'.repeat(32) as Address;

const origin = (name: number): { key: PublicKey; address: Address } => ({
  key: name.toString(16).padStart(64, '0') as PublicKey,
  address: name.toString(16).padStart(16, '5').padEnd(32, '0') as Address,
});

const idBytesOf = (number: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(number, 4);
  return bytes;
};

/** A receiver alone, with the packets it answers. */
class Bench {
  readonly machine: MessageMachine;
  readonly answers: Buffer[] = [];
  readonly received: ReceivedMessage[] = [];
  now = 0;

  constructor(options: Partial<MessageOptions> = {}) {
    const sink = {
      transmit: (_to: Address, body: Uint8Array) => {
        this.answers.push(Buffer.from(body));
      },
      gathering: () => undefined,
      hasRoom: () => true,
      received: (message: ReceivedMessage) => {
        this.received.push(message);
      },
      admit: () => true,
    };
    this.machine = new MessageMachine(options, sink, simulatedRandom(new Chance(1)));
  }

  hears(from: number, body: Uint8Array): number {
    const before = this.answers.length;
    this.machine.packet(origin(from), ours, body, instant(this.now));
    return this.answers.length - before;
  }

  opens(from: number, id: number, lengthBytes: number): boolean {
    const packet = initPacket({ idBytes: idBytesOf(id) }, false, lengthBytes, new Uint8Array(0));
    return this.hears(from, packet) === 1;
  }

  chunk(from: number, id: number, index: number, offset: number, bytes: Uint8Array): boolean {
    const packet = chunkPacket({ idBytes: idBytesOf(id) }, index, 0, bytes.length, bytes);
    packet.writeUInt32BE(offset, 24);
    return this.hears(from, packet) === 1;
  }

  /** A whole message of one chunk. True when its DONE was answered. */
  message(from: number, id: number, text: string): boolean {
    const payload = Buffer.from(text);
    this.opens(from, id, payload.length);
    this.chunk(from, id, 0, 0, payload);
    return this.hears(from, donePacket({ idBytes: idBytesOf(id) }, 1, blake3(payload))) === 1;
  }

  counter(name: string): number {
    return this.machine.counters[name] ?? Number.NaN;
  }
}

test('a stranger who opens 10,000 messages costs bounded memory, and others are served', (t) => {
  const bench = new Bench();
  bench.opens(1, 1, 200_000);
  bench.chunk(1, 1, 0, 0, new Uint8Array(1300));
  for (let id = 0; id < 10_000; id++) bench.opens(2, id, 60_000_000);
  t.true(bench.counter('half_open_messages') <= 257);
  t.true(bench.counter('half_open_bytes') < 300_000);
  t.true(bench.message(3, 7, 'another is served'));
  t.true(bench.chunk(1, 1, 1, 1300, new Uint8Array(1300)), 'who was there goes on');
});

test('ten thousand strangers with one message each push out the resting ones, never the total over its bound', (t) => {
  const bench = new Bench({ halfOpenCount: 100 });
  for (let from = 0; from < 10_000; from++) {
    bench.now += 50;
    bench.opens(from, 1, 1_000_000);
    t.true(bench.counter('half_open_messages') <= 100);
  }
  t.true(bench.counter('half_open_evicted') > 0);
  t.true(bench.counter('inits_no_room') > 0);
});

test('the room for all is taken from whoever holds the most', (t) => {
  const bench = new Bench({ halfOpenCount: 20, halfOpenPerSender: 16 });
  for (let id = 0; id < 16; id++) bench.opens(1, id, 1000);
  for (let from = 2; from < 6; from++) bench.opens(from, 0, 1000);
  bench.now = 11_000;
  t.true(bench.opens(9, 0, 1000));
  for (let from = 2; from < 6; from++) t.true(bench.chunk(from, 0, 0, 0, new Uint8Array(500)), `${from} goes on`);
});

test('memory follows the bytes received and not the length announced', (t) => {
  const bench = new Bench();
  bench.opens(1, 1, 64 * 1024 * 1024);
  t.true(bench.counter('half_open_bytes') < 1000);
  for (let index = 0; index < 100; index++) bench.chunk(1, 1, index, index * 1300, new Uint8Array(1300));
  t.true(bench.counter('half_open_bytes') < 2 * 131_300);
  t.false(
    bench.opens(1, 2, 64 * 1024 * 1024),
    'one sender announces at most one message of the greatest length at a time',
  );
  t.false(bench.opens(2, 2, 64 * 1024 * 1024 + 1));
  t.is(bench.counter('inits_too_large'), 1);
});

test('bytes for all are bounded: a chunk without room is not answered and may come again', (t) => {
  const bench = new Bench({ halfOpenBytes: 10_000 });
  bench.opens(1, 1, 100_000);
  let taken = 0;
  while (bench.chunk(1, 1, taken, taken * 1300, new Uint8Array(1300))) taken++;
  t.true(taken > 1 && taken < 9);
  t.true(bench.counter('half_open_bytes') <= 10_000);
  bench.hears(1, initPacket({ idBytes: idBytesOf(1) }, false, 1300, new Uint8Array(0)));
  t.true(bench.chunk(1, 1, 0, 0, new Uint8Array(1300)), 'a new INIT frees what the old one held');
});

test('chunks behind a hole are kept up to a bound', (t) => {
  const bench = new Bench();
  bench.opens(1, 1, 10_000_000);
  let kept = 0;
  for (let index = 5000; index > 1; index--) if (bench.chunk(1, 1, index, index * 1300, new Uint8Array(1300))) kept++;
  t.is(kept, 1024);
});

test('an incoming message that rests for five minutes is forgotten', (t) => {
  const bench = new Bench();
  bench.opens(1, 1, 1000);
  t.is(bench.machine.deadline(), instant(300_000));
  bench.machine.tick(instant(299_999));
  t.is(bench.counter('half_open_messages'), 1);
  bench.machine.tick(instant(300_000));
  t.is(bench.counter('half_open_messages'), 0);
  t.is(bench.counter('half_open_bytes'), 0);
});

test('a completed id is remembered for at least the stated number of messages, and the memory is bounded', (t) => {
  const bench = new Bench({ rememberedPerSender: 100, rememberedInAll: 1000, rememberedSenders: 8 });
  for (let id = 0; id < 100; id++) bench.message(1, id, `message ${id}`);
  for (let id = 0; id < 100; id++) t.true(bench.message(1, id, `message ${id}`), 'answered again');
  t.is(bench.received.length, 100);
  for (let from = 2; from < 200; from++) for (let id = 0; id < 30; id++) bench.message(from, id, 'more');
  t.true(bench.counter('remembered_ids') <= 1000);
  t.is(bench.received.length, 100 + 198 * 30);
});

test('another content under a completed id is neither delivered nor acknowledged', (t) => {
  const bench = new Bench();
  t.true(bench.message(1, 1, 'first'));
  t.false(bench.message(1, 1, 'other'));
  t.is(bench.received.length, 1);
  t.true(bench.message(2, 1, 'the same id of another sender is another message'));
});

test('a repeated INIT replaces the partial message, a wrong DONE is ignored and a right one still completes', (t) => {
  const bench = new Bench();
  const payload = new Chance(5).bytes(2600);
  const of = { idBytes: idBytesOf(1) };
  const done = donePacket(of, 2, blake3(payload));
  t.is(bench.hears(1, done), 0, 'DONE before INIT');
  t.false(bench.chunk(1, 1, 0, 0, payload.subarray(0, 1300)), 'CHUNK before INIT');
  t.true(bench.opens(1, 1, 2600));
  t.true(bench.chunk(1, 1, 0, 0, payload.subarray(0, 1300)));
  t.is(bench.hears(1, done), 0, 'early DONE');
  t.true(bench.opens(1, 1, 2600));
  t.true(bench.chunk(1, 1, 1, 1300, payload.subarray(1300)));
  t.is(bench.hears(1, done), 0, 'the first chunk must come again');
  t.true(bench.chunk(1, 1, 0, 0, payload.subarray(0, 1300)));
  t.is(bench.hears(1, donePacket(of, 3, blake3(payload))), 0, 'wrong count');
  t.is(bench.hears(1, donePacket(of, 2, blake3(payload.subarray(1)))), 0, 'wrong hash');
  t.is(bench.hears(1, done), 1);
  t.is(bench.hears(1, done), 1, 'answered again');
  t.deepEqual(
    bench.received.map((message) => message.payload),
    [payload],
  );
});

test('ABORTED frees a partial message and leaves a completed one alone', (t) => {
  const bench = new Bench();
  bench.opens(1, 1, 5000);
  const aborted = (id: number): number => {
    const packet = Buffer.alloc(12);
    idBytesOf(id).copy(packet);
    packet.writeUInt16BE(flag.aborted, 8);
    return bench.hears(1, packet);
  };
  t.is(aborted(1), 0, 'it is not answered');
  t.is(bench.counter('half_open_messages'), 0);
  bench.message(1, 2, 'complete');
  aborted(2);
  t.true(bench.message(1, 2, 'complete'));
  t.is(bench.received.length, 1);
});

test('answers held during a batch leave out those that DONE makes needless', (t) => {
  const bench = new Bench();
  bench.machine.hold();
  bench.message(1, 1, 'all in one read');
  bench.opens(1, 2, 100);
  bench.machine.release();
  t.deepEqual(
    bench.answers.map((body) => flagsIn(body)),
    [flag.done | flag.ack, flag.init | flag.ack],
  );
});

test('no packet whatever makes the machine throw or answer with more bytes than came', (t) => {
  const flags = fc.constantFrom(...Object.values(flag), 0x8500, 0x1100, 0x4100, 0x0900, 0xffff, 0);
  const header = fc.tuple(fc.integer({ min: 0, max: 3 }), flags, fc.uint8Array({ maxLength: 80 }));
  const small = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2000 })).map(([high, low]) => {
    const long = Buffer.alloc(8);
    long.writeUInt32BE(high === 3 ? 1 : 0, 0);
    long.writeUInt32BE(low, 4);
    return long;
  });
  const shaped = fc.tuple(fc.integer({ min: 0, max: 3 }), flags, fc.array(small, { maxLength: 4 }));
  const bench = new Bench();
  const play = (id: number, bits: number, rest: Uint8Array): void => {
    const packet = Buffer.alloc(12 + rest.length);
    idBytesOf(id).copy(packet);
    packet.writeUInt16BE(bits, 8);
    packet.set(rest, 12);
    bench.now += 10;
    bench.hears(1, packet);
    t.true((bench.answers.at(-1)?.length ?? 0) <= 52);
  };
  const seed = Date.now() >>> 0;
  t.log(`seed ${seed}`);
  fc.assert(
    fc.property(header, shaped, fc.uint8Array({ maxLength: 30 }), (one, two, three) => {
      play(...one);
      play(two[0], two[1], Buffer.concat(two[2]));
      bench.hears(1, three);
    }),
    { seed, numRuns: 3000 },
  );
});

test('a far side that answers with garbage harms its own messages only', async (t) => {
  const world = new World(21);
  const [left, right] = pairOf(world, calm(), { deadlineMs: milliseconds(20_000) });
  const chance = new Chance(21);
  const forged = { key: right.key, address: right.address };
  for (let count = 0; count < 20; count++) {
    const sent = left.send(chance.bytes(chance.between(0, 5000)));
    for (let packet = 0; packet < 20; packet++) {
      const body = Buffer.from(chance.bytes(chance.between(12, 60)));
      Buffer.from(sent?.id ?? '', 'hex').copy(body);
      body.writeUInt16BE(chance.pick([0x8100, 0x1100, 0x4100, 0x0900, 0x2100, 0x2000]), 8);
      world.plan(chance.between(0, 40), () => left.hears(forged, body));
    }
  }
  const stranger = { key: '9'.repeat(64) as PublicKey, address: '5'.repeat(32) as Address };
  for (const { id } of left.sent.values()) {
    const body = Buffer.alloc(12);
    Buffer.from(id, 'hex').copy(body);
    body.writeUInt16BE(flag.read, 8);
    left.hears(stranger, body);
  }
  await world.run(60_000);
  t.is(right.received.length, 20);
  t.is(left.machine.counters['outbox_messages'], 0);
  t.is(left.machine.counters['outbox_bytes'], 0);
});
