import test from 'ava';
import fc from 'fast-check';
import type { PublicKey, Sequence } from '#kernel';
import { instant, sequence } from '#kernel';
import type { RelaySaying } from '../../agent/bus/relay/frame.ts';
import { openRelayFrame, relayFrame, relayKinds, relayLayouts, verdicts } from '../../agent/bus/relay/frame.ts';
import type { Filed, MailboxEffect, NewLetter, Standing } from '../../agent/bus/relay/mailbox-events.ts';
import { Mailboxes } from '../../agent/bus/relay/mailboxes.ts';
import { letterOverhead, type RelayLimits } from '../../agent/bus/relay/quotas.ts';
import { day, limits } from './relay-kit.ts';
import { epoch, keyA, keyB, keyC } from './samples.ts';

const key = (index: number) => index.toString(16).padStart(64, '0') as PublicKey;
const ref = '0123456789abcdef';
const slotOf = (index: number) => index.toString(16).padStart(32, '0');

/** Mailboxes over a ring that is an array. */
class Bench {
  readonly filed: (NewLetter & Filed)[] = [];
  readonly announcements = new Map<PublicKey, Uint8Array>();
  readonly boxes: Mailboxes;
  now = 0;

  constructor(changes: Partial<RelayLimits> = {}, standing: (who: PublicKey) => Standing = () => 'contact') {
    this.boxes = new Mailboxes({
      limits: { ...limits, ...changes },
      standing,
      file: (letter) => {
        const at = sequence(this.filed.length + 1);
        const place = epoch(1) + at.toString(16).padStart(16, '0');
        this.filed.push({ ...letter, sequence: at, place, ageMs: 0 });
        return { sequence: at, place };
      },
      announcement: (of) => this.announcements.get(of),
      announce: (of, bytes) => {
        this.announcements.set(of, bytes);
        return true;
      },
      token: () => ref,
      fraction: () => 0.5,
    });
    this.step({ kind: 'ready' });
  }

  step(event: Parameters<Mailboxes['step']>[0]): readonly MailboxEffect[] {
    return this.boxes.step(event, instant(this.now));
  }

  says(from: PublicKey, saying: RelaySaying): readonly MailboxEffect[] {
    return this.step({ kind: 'frame', frame: { ...saying, from, to: key(0) } });
  }

  /** The verdict, once what was staged is durable. */
  deposit(from: PublicKey, recipient: PublicKey, slot: string, bytes = 100): string | undefined {
    const says = { ref, recipient, slot, envelope: Buffer.alloc(bytes, 7) };
    const effects = [...this.says(from, { kind: 'deposit', says }), ...this.durable()];
    return custodyIn(effects);
  }

  durable(): readonly MailboxEffect[] {
    return this.step({ kind: 'durable', upTo: this.filed.length as Sequence });
  }

  live(recipient: PublicKey): number {
    return this.boxes.status(instant(this.now)).find((box) => box.recipient === recipient)?.letters ?? 0;
  }
}

function custodyIn(effects: readonly MailboxEffect[]): string | undefined {
  for (const effect of effects)
    if (effect.kind === 'send' && effect.saying.kind === 'custody') return verdicts[effect.saying.says.verdict];
  return undefined;
}

test('custody is told when the letter is durable at the relay, and not before', (t) => {
  const bench = new Bench();
  const says = { ref, recipient: keyB, slot: slotOf(1), envelope: Buffer.alloc(9) };
  t.is(custodyIn(bench.says(keyA, { kind: 'deposit', says })), undefined);
  t.is(custodyIn(bench.step({ kind: 'durable', upTo: sequence(0) })), undefined);
  t.is(custodyIn(bench.durable()), 'stored');
});

test('a flood by one depositor is refused at its own quota, and displaces nothing of another', (t) => {
  const bench = new Bench({ senderLetters: 10, recipientLetters: 30, letters: 40 });
  t.is(bench.deposit(keyC, keyB, slotOf(0)), 'stored');
  const verdicts = Array.from({ length: 50 }, (_, index) => bench.deposit(keyA, keyB, slotOf(index)));
  t.is(verdicts.filter((verdict) => verdict === 'stored').length, 10);
  t.true(verdicts.slice(10).every((verdict) => verdict === 'sender-full'));
  t.is(bench.deposit(keyC, keyB, slotOf(1)), 'stored');
  t.is(bench.live(keyB), 12);
});

test('replacing in a loop behind a letter that stays fills the own quota, and then is refused', (t) => {
  const bench = new Bench({ senderLetters: 10 });
  t.is(bench.deposit(keyA, keyB, slotOf(0)), 'stored');
  const verdicts = Array.from({ length: 20 }, () => bench.deposit(keyA, keyB, slotOf(1)));
  t.is(verdicts.filter((verdict) => verdict === 'stored').length, 9);
  t.is(bench.live(keyB), 2);
});

test('strangers together have half of an open relay, and somebody unknown has nothing of a closed one', (t) => {
  const open = new Bench({ letters: 20 }, (who) => (who === keyA || who === keyB ? 'contact' : 'stranger'));
  const taken = Array.from({ length: 30 }, (_, index) => open.deposit(key(index + 100), key(7), slotOf(1)));
  t.is(taken.filter((verdict) => verdict === 'stored').length, 10);
  t.is(open.deposit(keyA, keyB, slotOf(1)), 'stored');
  const closed = new Bench({}, (who) => (who === keyA ? 'contact' : 'nobody'));
  t.is(closed.deposit(keyC, keyA, slotOf(1)), 'not-allowed');
  t.is(closed.deposit(keyA, keyC, slotOf(1)), 'not-allowed');
  t.is(closed.filed.length, 0);
});

test('letters that are too old go, the others stay, and their space is given back', (t) => {
  const bench = new Bench({ recipientLetters: 2 });
  t.is(bench.deposit(keyA, keyB, slotOf(1)), 'stored');
  bench.now = 20 * day;
  t.is(bench.deposit(keyA, keyB, slotOf(2)), 'stored');
  t.is(bench.deposit(keyA, keyB, slotOf(3)), 'recipient-full');
  bench.now = 31 * day;
  const effects = bench.step({ kind: 'timer' });
  t.true(effects.some((effect) => effect.kind === 'settle' && effect.to === 1));
  t.is(bench.boxes.counters.expired, 1);
  t.is(bench.live(keyB), 1);
  t.is(bench.deposit(keyA, keyB, slotOf(3)), 'stored');
});

test('only its own recipient ends a letter, and only its owner’s announcement is kept, the newest', (t) => {
  const bench = new Bench();
  bench.deposit(keyA, keyB, slotOf(1));
  const place = bench.filed[0]?.place ?? '';
  bench.says(keyC, { kind: 'taken', says: { place, keep: 0 } });
  t.is(bench.live(keyB), 1);
  bench.says(keyB, { kind: 'taken', says: { place, keep: 0 } });
  t.is(bench.live(keyB), 0);
  const announcement = (number: number) => Buffer.alloc(232, 1).fill(0, 66, 70).fill(number, 69, 70);
  bench.says(keyC, { kind: 'announce', says: { of: keyB, announcement: announcement(9) } });
  t.is(bench.announcements.size, 0);
  bench.says(keyB, { kind: 'announce', says: { of: keyB, announcement: announcement(5) } });
  bench.says(keyB, { kind: 'announce', says: { of: keyB, announcement: announcement(4) } });
  t.is(bench.announcements.get(keyB)?.[69], 5);
});

test('the quotas add up after any deposits, replacements and takings', (t) => {
  const act = fc.record({ from: fc.nat(3), to: fc.nat(2), slot: fc.nat(4), take: fc.boolean(), bytes: fc.nat(400) });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 120 }), (acts) => {
      const bench = new Bench({ senderLetters: 25, recipientLetters: 30, bytes: 20_000, recipientBytes: 9_000 });
      for (const { from, to, slot, take, bytes } of acts) {
        const recipient = key(50 + to);
        if (!take) bench.deposit(key(60 + from), recipient, slotOf(slot), bytes);
        const place = take ? bench.filed[slot * 7]?.place : undefined;
        if (place !== undefined) bench.says(recipient, { kind: 'taken', says: { place, keep: 0 } });
        const { all } = bench.boxes.quotas;
        const parts = [...bench.boxes.quotas.senders()].map(([, use]) => use);
        t.is(all.letters, sum(parts.map(({ letters }) => letters)));
        t.is(all.bytes, sum(parts.map((use) => use.bytes)));
        t.true(all.bytes <= 20_000 && all.bytes >= all.letters * letterOverhead);
        for (const [, use] of bench.boxes.quotas.recipients()) t.true(use.letters <= 30 && use.bytes <= 9_000);
        for (const use of parts) t.true(use.letters <= 25);
      }
    }),
    { numRuns: 60 },
  );
});

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);

const anyBytes = fc.uint8Array({ maxLength: 300 });
const anyHex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => Buffer.from(b).toString('hex'));
const anySaying = fc.oneof(
  fc
    .record({ ref: anyHex(8), recipient: anyHex(32), slot: anyHex(16), envelope: anyBytes })
    .map((says) => ['deposit', says]),
  fc
    .record({ ref: anyHex(8), verdict: fc.nat(verdicts.length - 1), waitSeconds: fc.nat() })
    .map((says) => ['custody', says]),
  fc.record({ ref: anyHex(8) }).map((says) => ['collect', says]),
  fc
    .record({ ref: anyHex(8), place: anyHex(20), depositor: anyHex(32), envelope: anyBytes })
    .map((says) => ['letter', says]),
  fc.record({ place: anyHex(20), keep: fc.nat(1) }).map((says) => ['taken', says]),
  fc.record({ ref: anyHex(8), left: fc.nat() }).map((says) => ['emptied', says]),
  fc.record({ of: anyHex(32), announcement: anyBytes }).map((says) => ['announce', says]),
  fc.record({ of: anyHex(32) }).map((says) => ['ask', says]),
);

test('every frame between an agent and a relay is read as it was written, and no shorter one or of another version', (t) => {
  t.deepEqual(Object.keys(relayLayouts), Object.keys(relayKinds));
  fc.assert(
    fc.property(anySaying, fc.nat(), ([kind, says], cut) => {
      const bytes = relayFrame(keyA, keyB, { kind, says } as RelaySaying);
      const opened = openRelayFrame(bytes);
      t.is(opened?.kind, kind as RelaySaying['kind']);
      t.deepEqual([opened?.from, opened?.to], [keyA, keyB]);
      t.deepEqual(plainOf(opened?.says), plainOf(says));
      const hasRest = ['deposit', 'letter', 'announce'].includes(kind as string);
      const short = openRelayFrame(bytes.subarray(0, cut % bytes.length));
      t.true(short === null || hasRest);
      t.is(openRelayFrame(Buffer.concat([Buffer.of(2), bytes.subarray(1)])), null);
    }),
  );
});

const plainOf = (says: unknown) =>
  Object.entries(says ?? {}).map(([name, value]) => [
    name,
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  ]);
