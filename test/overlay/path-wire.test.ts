import test from 'ava';
import fc from 'fast-check';
import { isRefusal } from '#codec';
import type { MessageId } from '#overlay';
import { Assembly } from '../../agent/overlay/path/assembly.ts';
import {
  aboutFrameLayout,
  ackFrameLayout,
  ackRangeLayout,
  askFrameLayout,
  fragmentFrameLayout,
  frameLayout,
  helloFrameLayout,
  pathPacket,
  resetFrameLayout,
  stateFrameLayout,
  welcomeFrameLayout,
  wholeFrameLayout,
} from '../../agent/overlay/path/layouts.ts';
import { Spans } from '../../agent/overlay/path/spans.ts';
import {
  aboutFrame,
  askFrame,
  eachFrame,
  frameType,
  greetingFrame,
  headBytes,
  lonePacket,
  numberOf,
  type Part,
  resetPacket,
  tokenOf,
  writeAck,
  writeFragmentHead,
  writeState,
  writeWholeHead,
} from '../../agent/overlay/path/wire.ts';

const id = fc.uint8Array({ minLength: 8, maxLength: 8 });
const u16 = fc.nat(0xffff);
const u32 = fc.nat(0xffff_ffff);
const token = fc.maxSafeNat().map((value) => value % 2 ** 48);
const bytes = fc.uint8Array({ maxLength: 3000 });
const topic = fc.uint8Array({ maxLength: 255 });
const hexOf = (of: Uint8Array): string => Buffer.from(of).toString('hex');
const tokenHex = (of: number): string => of.toString(16).padStart(12, '0');
const same = (left: Uint8Array, right: Uint8Array): boolean => Buffer.from(left).equals(right);

/** What `eachFrame` says of one frame, call by call. */
function told(frame: Uint8Array): { readonly elicits: boolean | null; readonly calls: readonly unknown[][] } {
  const calls: unknown[][] = [];
  const say =
    (name: string) =>
    (...of: unknown[]) => {
      calls.push([name, ...of]);
    };
  const names = ['ack', 'hello', 'welcome', 'reset', 'ask', 'abort', 'read', 'state', 'part'] as const;
  const sink = Object.fromEntries(names.map((name) => [name, say(name)])) as unknown as Parameters<typeof eachFrame>[1];
  return { elicits: eachFrame(lonePacket(1, 1, frame), sink), calls };
}

test('the small frames are written and read as the tables say', (t) => {
  fc.assert(
    fc.property(id, u32, fc.boolean(), (of, tag, isReply) => {
      const frame = askFrame(tag, of, isReply);
      const value = { flags: isReply ? 1 : 0, tag, id: hexOf(of) as MessageId };
      t.deepEqual(told(frame), { elicits: true, calls: [['ask', tag, hexOf(of), isReply]] });
      return same(frame, askFrameLayout.encode(value));
    }),
  );
  fc.assert(
    fc.property(id, fc.constantFrom(frameType.abort, frameType.read), (of, type) => {
      const frame = aboutFrame(type, of);
      t.deepEqual(told(frame).calls, [[type === frameType.abort ? 'abort' : 'read', hexOf(of)]]);
      return same(frame, aboutFrameLayout.encode({ type, id: hexOf(of) as MessageId }));
    }),
  );
  fc.assert(
    fc.property(fc.nat(4), u32, fc.nat(255), (code, tag, more) => {
      const frame = Buffer.alloc(6);
      writeState({ code, tag, more }, frame, 0);
      const calls = Array.from({ length: more + 1 }, (_, index) => ['state', code, (tag + index) >>> 0]);
      t.deepEqual(told(frame), { elicits: false, calls });
      return same(frame, stateFrameLayout.encode({ type: frameType.state + code, tag, more }));
    }),
  );
});

test('greetings and packets are written and read as the tables say', (t) => {
  fc.assert(
    fc.property(token, id, u16, fc.boolean(), (of, subnet, acceptsBytes, isHello) => {
      const greeting = { version: 1, token: of, subnet: hexOf(subnet) as never, acceptsBytes };
      const type = isHello ? frameType.hello : frameType.welcome;
      const table = isHello ? helloFrameLayout : welcomeFrameLayout;
      const value = { token: tokenHex(of), subnet: greeting.subnet, accepts: acceptsBytes };
      const frame = greetingFrame(type, greeting);
      t.deepEqual(told(frame).calls, [[isHello ? 'hello' : 'welcome', greeting]]);
      return same(frame, table.encode(value));
    }),
  );
  fc.assert(
    fc.property(token, token, u32, (of, strange, number) => {
      const reset = resetPacket(strange);
      const frames = resetFrameLayout.encode({ token: tokenHex(strange) });
      t.true(same(reset, pathPacket.encode({ token: tokenHex(0), number: 0, frames })));
      const packet = lonePacket(of, number, frames);
      t.is(tokenOf(packet), of);
      t.is(numberOf(packet), number);
      return same(packet, pathPacket.encode({ token: tokenHex(of), number, frames }));
    }),
  );
});

test('whole messages and fragments are written and read as the tables say', (t) => {
  fc.assert(
    fc.property(id, u32, fc.nat(3), topic, bytes, u32, (of, tag, flags, about, data, offset) => {
      const head = { idBytes: of, tag, topic: about, lengthBytes: data.length };
      const frame = Buffer.alloc(24 + about.length + data.length);
      const whole = frame.subarray(0, writeWholeHead(head, flags, frame, 0) + data.length);
      whole.set(data, whole.length - data.length);
      const common = { id: hexOf(of) as MessageId, tag, topic: about, data };
      if (!same(whole, wholeFrameLayout.encode({ type: frameType.whole + flags, ...common }))) return false;
      const part = told(whole).calls[0]?.[1] as Part;
      if (part.totalBytes !== data.length || part.offset !== 0 || !same(part.data, data)) return false;
      const total = offset + data.length;
      if (total > 0xffff_ffff || data.length === 0) return true;
      const at = writeFragmentHead({ ...head, lengthBytes: total }, flags, offset, data.length, frame, 0);
      frame.set(data, at);
      const value = { type: frameType.fragment + flags, ...common, total, offset };
      const read = told(frame).calls[0]?.[1] as Part;
      const isRead =
        read.isReply === ((flags & 1) !== 0) && read.isPatient === ((flags & 2) !== 0) && read.offset === offset;
      return isRead && same(read.topic, about) && same(frame, fragmentFrameLayout.encode(value));
    }),
  );
  t.pass();
});

test('an acknowledgement tells of the latest numbers, exactly', (t) => {
  const stretches = fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 400 })), {
    minLength: 1,
    maxLength: 60,
  });
  fc.assert(
    fc.property(stretches, fc.nat(1000), (lengths, delayMs) => {
      const numbers = new Spans();
      let at = 0;
      for (const [gap, length] of lengths) {
        numbers.add(at + gap, at + gap + length);
        at += gap + length;
      }
      const frame = Buffer.alloc(2000);
      const end = writeAck(numbers, delayMs, frame, 0);
      const table = ackFrameLayout.decode(frame.subarray(0, end));
      if (isRefusal(table)) return false;
      for (let at = 0; at < table.ranges; at++) {
        if (isRefusal(ackRangeLayout.decode(table.more.subarray(at * 4, at * 4 + 4)))) return false;
      }
      const { elicits, calls } = told(frame.subarray(0, end));
      const [name, read, delay] = calls[0] as [string, Spans, number];
      const told32 = numbers.forgetFirst(32);
      for (let number = told32; number <= at; number++) if (read.has(number) !== numbers.has(number)) return false;
      return name === 'ack' && elicits === false && Math.abs(delay - delayMs) < 0.1;
    }),
  );
  t.pass();
});

test('a frame that is cut short, or of a type that is none, is no frame', (t) => {
  const whole = Buffer.alloc(40);
  const end =
    writeWholeHead({ idBytes: Buffer.alloc(8), tag: 1, topic: Buffer.from('t'), lengthBytes: 5 }, 0, whole, 0) + 5;
  const hello = greetingFrame(frameType.hello, {
    version: 1,
    token: 1,
    subnet: '0400000000000000' as never,
    acceptsBytes: 1400,
  });
  for (const frame of [
    whole.subarray(0, end),
    hello,
    askFrame(1, Buffer.alloc(8), false),
    resetPacket(1).subarray(headBytes),
  ]) {
    t.not(told(frame).elicits, null);
    for (let length = 1; length < frame.length; length++)
      t.is(told(frame.subarray(0, length)).elicits, null, `${length}`);
  }
  for (const type of [0x09, 0x0f, 0x15, 0x24, 0x2c, 0xff]) {
    t.is(told(Buffer.from([type, ...Buffer.alloc(60)])).elicits, null);
    t.is(frameLayout(type), undefined);
  }
});

test('stretches are kept as a set of numbers would keep them', (t) => {
  const stretch = fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 30 }));
  fc.assert(
    fc.property(fc.array(stretch, { maxLength: 40 }), stretch, (added, [from, length]) => {
      const spans = new Spans();
      const set = new Set<number>();
      for (const [start, size] of added) {
        spans.add(start, start + size);
        for (let number = start; number < start + size; number++) set.add(number);
      }
      for (let number = 0; number < 260; number++) if (spans.has(number) !== set.has(number)) return false;
      const holes = spans.holes(from, from + length).reduce((all, [start, end]) => all + end - start, 0);
      let missing = 0;
      for (let number = from; number < from + length; number++) if (!set.has(number)) missing++;
      return spans.total === set.size && holes === missing && spans.covers(from, from + length) === (missing === 0);
    }),
  );
  t.pass();
});

test('parts of a message in any order, twice and overlapping, make the message', (t) => {
  const cuts = fc.array(fc.tuple(fc.nat(999), fc.integer({ min: 1, max: 300 })), { maxLength: 60 });
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1000, maxLength: 1000 }), cuts, (payload, parts) => {
      const of = { id: '00' as MessageId, tag: 1, topic: new Uint8Array(0), totalBytes: 1000, isReply: false };
      const message = new Assembly(of, '' as never, '' as never, 0 as never);
      let fresh = 0;
      for (const [start, size] of [...parts, [0, 500] as const, [300, 700] as const]) {
        fresh += message.add(start, payload.subarray(start, start + size));
      }
      return message.isFull && fresh === 1000 && same(message.join(), payload);
    }),
  );
  t.pass();
});
