import test from 'ava';
import fc from 'fast-check';
import { writeVarint } from '#codec';
import { FrameSplitter } from '../../agent/broker/frames.ts';

function packetOf(length: number, fill: number): Buffer {
  const head = Buffer.alloc(5);
  head[0] = 0x30;
  return Buffer.concat([head.subarray(0, writeVarint(head, 1, length)), Buffer.alloc(length, fill)]);
}

test('packets come out whole, however the network cuts them', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(300), { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 40 }),
      (lengths, cuts) => {
        const packets = lengths.map((length, index) => packetOf(length, index + 1));
        const stream = Buffer.concat(packets);
        const splitter = new FrameSplitter(1_000);
        const found: Buffer[] = [];
        for (let at = 0, cut = 0; at < stream.length; cut++) {
          const end = at + (cuts[cut % cuts.length] ?? 1);
          splitter.push(Buffer.from(stream.subarray(at, end)));
          at = end;
          while (splitter.next() === 'packet')
            found.push(Buffer.from(splitter.packet.subarray(splitter.at, splitter.end)));
        }
        t.deepEqual(found, packets);
        t.is(splitter.bufferedBytes, 0);
      },
    ),
  );
});

test('a packet longer than the limit is refused by its announced length, before its bytes have come', (t) => {
  const splitter = new FrameSplitter(1_000);
  splitter.push(packetOf(1_001, 0).subarray(0, 3));
  t.is(splitter.next(), 'too-large');
});

test('a remaining length of five bytes is malformed', (t) => {
  const splitter = new FrameSplitter(1 << 30);
  splitter.push(Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0x01]));
  t.is(splitter.next(), 'malformed');
});
