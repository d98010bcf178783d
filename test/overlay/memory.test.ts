import test from 'ava';
import { identityOf } from '#crypto';
import { type Address, type ByteLink, instant, type LinkEvents } from '#kernel';
import type { MessageId } from '#overlay';
import { realNet } from '#platform';
import { Chance, simulatedRandom } from '#sim';
import { Counts } from '../../agent/overlay/counts.ts';
import { Keys } from '../../agent/overlay/keys.ts';
import { Assembly } from '../../agent/overlay/path/assembly.ts';
import { Outbox } from '../../agent/overlay/peer/outbox.ts';
import { Slabs } from '../../agent/overlay/peer/slabs.ts';
import type { PeerId } from '../../agent/overlay/router/types.ts';
import { Traffic } from '../../agent/overlay/traffic.ts';
import { type DataFrame, originHopLimit, plaintextKind, startDataFrame } from '../../agent/overlay/wire/data.ts';

/** Memory that is given back or used again by hand (path/DECISIONS.md, 24 November): when, and not before. */
const slabBytes = 32_768;
const now = instant(0);

/** A link whose writes are done when the test says so. */
class Slow {
  readonly writes: { readonly bytes: Uint8Array; readonly written: (() => void) | undefined }[] = [];
  readonly link: ByteLink = {
    write: (bytes, written) => this.writes.push({ bytes, written }) > 0,
    queuedBytes: 0,
    pause: () => {},
    end: () => {},
    destroy: () => {},
  };

  /** The memory that the writes lie in. */
  get memory(): ArrayBufferLike[] {
    return this.writes.map(({ bytes }) => bytes.buffer);
  }

  /** What has been written so far has left; what it was. */
  done(): Buffer {
    const all = Buffer.concat(this.writes.map(({ bytes }) => bytes));
    for (const { written } of this.writes.splice(0)) written?.();
    return all;
  }
}

function gathering(kept: number) {
  const slow = new Slow();
  const limits = { dataLimitBytes: 1 << 20, ownLimitBytes: 1 << 20, controlLimitBytes: 1 << 20 };
  const slabs = new Slabs(slabBytes, kept);
  const outbox = new Outbox(
    slow.link,
    limits,
    slabs,
    () => {},
    () => {},
  );
  return { slow, slabs, outbox };
}

test('frames are gathered in slabs that are used again once they are written, and never before', (t) => {
  const { slow, outbox } = gathering(4);
  const chance = new Chance(1);
  const frames = Array.from({ length: 60 }, () => chance.bytes(chance.between(1, 1_300)));
  const say = (): void => {
    for (const frame of frames) outbox.data(frame);
    outbox.flush();
  };
  say();
  const first = slow.memory;
  t.true(first.length >= 2 && new Set(first).size === first.length, 'as many slabs as writes');
  const unwritten = [...slow.writes];
  say();
  t.is(new Set(slow.memory).size, 2 * first.length, 'what is not written is not touched');
  t.deepEqual(Buffer.concat(unwritten.map(({ bytes }) => bytes)), Buffer.concat(frames));
  const used = slow.memory;
  t.deepEqual(slow.done(), Buffer.concat([...frames, ...frames]));
  say();
  t.true(slow.memory.every((buffer) => used.includes(buffer) && buffer.byteLength === slabBytes));
  t.deepEqual(slow.done(), Buffer.concat(frames));
});

test('no more slabs are kept than said: the memory of the others is given back at once', (t) => {
  const { slow, outbox } = gathering(2);
  for (let count = 0; count < 5; count++) outbox.data(new Uint8Array(slabBytes));
  const memory = slow.memory;
  t.is(memory.length, 5);
  slow.done();
  t.deepEqual(
    memory.map(({ byteLength }) => byteLength),
    [slabBytes, slabBytes, 0, 0, 0],
  );
});

test('a link that has little to say holds no slab, nor one that is closed', (t) => {
  const { slow, slabs, outbox } = gathering(4);
  const slab = slabs.take();
  slabs.giveBack(slab);
  outbox.data(new Uint8Array(1_500));
  outbox.data(new Uint8Array(600).fill(7));
  outbox.flush();
  t.is(slow.writes.length, 1);
  const [write] = slow.writes;
  t.is(write?.bytes.length, 2_100);
  t.not(write?.bytes.buffer, slab.buffer, 'written from memory of its own');
  t.is(slabs.take(), slab, 'though nothing has been written yet');
  slabs.giveBack(slab);
  outbox.data(new Uint8Array(3_000));
  t.not(slabs.take(), slab, 'a slab gathers');
  outbox.close();
  t.is(slabs.take(), slab);
});

/** The data path of one node between two neighbours; `send` sees what goes out while it lasts. */
function trafficOf(secret: number, send: (bytes: Buffer) => void, path: (body: Uint8Array) => void = () => {}) {
  const identity = identityOf(Buffer.alloc(32, secret));
  const keys = new Keys(identity);
  const ways = {
    nextHop: () => 2 as PeerId,
    wasLost: () => false,
    keyOf: () => undefined,
    want: () => {},
    hold: () => {},
    died: () => {},
    setTransit: () => {},
    send: (_: PeerId, frame: DataFrame) => {
      send(frame.bytes);
      return true;
    },
  };
  const deliveries = {
    message: () => {},
    icmp: () => {},
    path: (_from: unknown, _to: Address, body: Uint8Array) => path(body),
  };
  const random = simulatedRandom(new Chance(secret));
  const given = { transit: true, random, counts: new Counts(), now };
  return { identity, keys, traffic: new Traffic(identity, keys, ways, deliveries, given) };
}

test('a packet of others costs memory only until its link has gathered it', (t) => {
  const seen: Buffer[] = [];
  const { traffic } = trafficOf(1, (bytes) => {
    t.is(bytes.at(-1), 9);
    seen.push(bytes);
  });
  const ends = [2, 3].map((secret) => identityOf(Buffer.alloc(32, secret)).address);
  const frame = startDataFrame(ends[0] as Address, ends[1] as Address, originHopLimit, 60_000);
  frame.fill(9, frame.length - 60_000);
  const before = Buffer.from(frame);
  traffic.receive(1 as PeerId, frame, now);
  t.is(seen.length, 1);
  t.is(seen[0]?.length, 0, 'the copy with one hop less is gone');
  t.deepEqual(frame, before, 'what was lent is untouched');
});

test('an opened packet of the better path is only lent: its memory is given back when it has been read', (t) => {
  const body = new Chance(7).bytes(60_000);
  const sealed: Buffer[] = [];
  const read: Uint8Array[] = [];
  const left = trafficOf(1, (bytes) => sealed.push(Buffer.from(bytes)));
  const right = trafficOf(
    2,
    () => {},
    (opened) => {
      t.deepEqual(Buffer.from(opened), Buffer.from(body));
      read.push(opened);
    },
  );
  left.keys.name(right.identity.publicKey);
  right.keys.name(left.identity.publicKey);
  left.traffic.send(right.identity.address, plaintextKind.path, body, now);
  t.is(sealed.length, 1);
  right.traffic.receive(1 as PeerId, sealed[0] as Buffer, now);
  t.deepEqual(
    read.map(({ length }) => length),
    [0],
  );
});

test('a long message grows in few steps, and what it has outgrown is given back at once', (t) => {
  const chance = new Chance(3);
  const whole = Buffer.from(chance.bytes(300_000));
  const of = { id: '01' as MessageId, tag: 1, topic: new Uint8Array(0), totalBytes: whole.length, isReply: false };
  const assembly = new Assembly(of, '' as never, '' as Address, now);
  const outgrown = new Set<Uint8Array>();
  for (let at = 0; at < whole.length; at += 1_000) {
    assembly.add(at, whole.subarray(at, at + 1_000));
    outgrown.add(assembly.join());
  }
  const kept = assembly.join();
  outgrown.delete(kept);
  t.true(outgrown.size > 0 && outgrown.size < 8, `${outgrown.size} steps`);
  const long = [...outgrown].filter(({ byteLength }) => byteLength > 8_192);
  t.is(long.length, 0, 'nothing long is left of them');
  t.deepEqual(Buffer.from(kept), whole);
});

/** What a reader of a real connection has in its hands after `received` has returned. */
async function readings(keepsNothing: boolean): Promise<{ readonly long: number; readonly left: number }> {
  const held: { readonly bytes: Uint8Array; readonly length: number }[] = [];
  const size = 4_000_000;
  const bytesSoFar = (): number => held.reduce((sum, { length }) => sum + length, 0);
  let whenAll: () => void = () => {};
  const all = new Promise<void>((resolve) => {
    whenAll = resolve;
  });
  const deaf: LinkEvents = { opened: () => {}, received: () => {}, drained: () => {}, closed: () => {} };
  const received = (bytes: Uint8Array): void => {
    held.push({ bytes, length: bytes.length });
    if (bytesSoFar() === size) whenAll();
  };
  const listener = await realNet.listen({ host: '127.0.0.1', port: 0 }, () => ({ ...deaf, received, keepsNothing }));
  const link = realNet.dial(listener.at, deaf);
  link.write(Buffer.alloc(size, 5));
  await all;
  await new Promise<void>((resolve) => setImmediate(resolve));
  link.destroy();
  await listener.close();
  const long = held.filter(({ length }) => length > 32_768);
  return { long: long.length, left: long.filter(({ bytes }) => bytes.length > 0).length };
}

test('what is read from a connection is given back when its reader keeps nothing, and only then', async (t) => {
  const lent = await readings(true);
  t.true(lent.long > 0);
  t.is(lent.left, 0);
  const given = await readings(false);
  t.is(given.left, given.long);
});
