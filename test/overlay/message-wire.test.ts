import test from 'ava';
import fc from 'fast-check';
import { isRefusal } from '#codec';
import type { MessageId } from '#overlay';
import { Chunks } from '../../agent/overlay/message/chunks.ts';
import {
  bodyLayout,
  chunkAckBody,
  chunkBody,
  doneBody,
  initAckBody,
  initBody,
  messagePacket,
} from '../../agent/overlay/message/layouts.ts';
import {
  ackPacket,
  barePacket,
  chunkDataBytes,
  chunkPacket,
  donePacket,
  flag,
  initPacket,
  readInit,
} from '../../agent/overlay/message/wire.ts';
import { messagePackets } from './message-transcripts.ts';

const long = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const idBytes = fc.uint8Array({ minLength: 8, maxLength: 8 });
const bytes = fc.uint8Array({ maxLength: 1300 });

/** The packet that the tables make. */
function tabled(id: Uint8Array, flags: number, body: Uint8Array): Uint8Array {
  const named = Buffer.from(id).toString('hex') as MessageId;
  return messagePacket.encode({ id: named, flags, body });
}

const same = (left: Uint8Array, right: Uint8Array): boolean => Buffer.from(left).equals(right);

test('INIT, CHUNK, DONE and the bare packets are written as the tables say', (t) => {
  fc.assert(
    fc.property(idBytes, long, fc.uint8Array({ maxLength: 255 }), fc.boolean(), (id, length, topic, isReply) => {
      const flags = isReply ? flag.init | flag.reply : flag.init;
      const packet = initPacket({ idBytes: id }, isReply, length, topic);
      const read = readInit(packet);
      return (
        same(packet, tabled(id, flags, initBody.encode({ length, topic }))) &&
        read?.lengthBytes === length &&
        same(read.topic, topic)
      );
    }),
  );
  fc.assert(
    fc.property(idBytes, long, bytes, fc.nat(1300), (id, index, payload, from) => {
      const offset = Math.min(from, payload.length);
      const data = payload.subarray(offset);
      const packet = chunkPacket({ idBytes: id }, index, offset, data.length, payload);
      return same(packet, tabled(id, flag.chunk, chunkBody.encode({ index, offset, size: data.length, data })));
    }),
  );
  fc.assert(
    fc.property(idBytes, long, fc.uint8Array({ minLength: 32, maxLength: 32 }), (id, chunkCount, hash) => {
      const body = doneBody.encode({ chunkCount, hash: Buffer.from(hash).toString('hex') });
      return same(donePacket({ idBytes: id }, chunkCount, hash), tabled(id, flag.done, body));
    }),
  );
  for (const flags of [flag.read, flag.aborted]) {
    t.true(
      same(barePacket({ idBytes: new Uint8Array(8) }, flags), tabled(new Uint8Array(8), flags, new Uint8Array(0))),
    );
  }
});

test('answers are the beginning of what they answer, with ACK in the flags', (t) => {
  const id = Buffer.alloc(8, 7);
  const init = ackPacket(initPacket({ idBytes: id }, true, 5, Buffer.from('topic')), 21);
  t.true(same(init, tabled(id, 0x8500, initAckBody.encode({ length: 5, topicLength: 5 }))));
  const chunk = ackPacket(chunkPacket({ idBytes: id }, 3, 1, 4, Buffer.from('12345')), 36);
  t.true(same(chunk, tabled(id, 0x1100, chunkAckBody.encode({ index: 3, offset: 1, size: 4 }))));
});

test('every message packet captured from stock decodes by the tables and encodes to the same bytes', (t) => {
  const packets = messagePackets();
  t.true(packets.length > 60);
  for (const packet of packets) {
    const decoded = messagePacket.decode(packet);
    if (isRefusal(decoded)) return t.fail(decoded.toString());
    const body = bodyLayout(decoded.flags);
    const inner = body?.decode(decoded.body);
    if (body === undefined || inner === undefined || isRefusal(inner)) return t.fail(packet.toString('hex'));
    t.true(same(messagePacket.encode({ ...decoded, body: body.encode(inner) }), packet));
  }
});

test('chunks are even, in order, without hole, never over 1,300 bytes, and never short where stock refuses it', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300_000 }), (total) => {
      const chunks = new Chunks(total);
      let offset = 0;
      for (let index = 0; index < chunks.count; index++) {
        const size = chunks.size(index);
        const isFit = size > 0 && size <= chunkDataBytes && (size >= 250 || index === Math.ceil(total / 250) - 1);
        if (chunks.offset(index) !== offset || !isFit) return false;
        offset += size;
      }
      return offset === total && chunks.count === Math.ceil(total / chunkDataBytes);
    }),
    { numRuns: 2000 },
  );
  t.is(new Chunks(2601).size(0), 867);
  t.is(new Chunks(2602).size(0), 868);
});
