import test from 'ava';
import { type Instant, instant, milliseconds } from '#kernel';
import { Backoff } from '../../agent/overlay/peer/backoff.ts';
import { defaultGateOptions, Gate } from '../../agent/overlay/peer/gate.ts';
import { defaultLinkOptions, type LinkEvent, LinkMachine } from '../../agent/overlay/peer/link.ts';
import { Outbox } from '../../agent/overlay/peer/outbox.ts';
import { Rate } from '../../agent/overlay/peer/rate.ts';
import { Slabs } from '../../agent/overlay/peer/slabs.ts';

const at = (ms: number): Instant => instant(ms);

function link(staticCost = 15) {
  const machine = new LinkMachine({ ...defaultLinkOptions, staticCost });
  const step = (ms: number, kind: Exclude<LinkEvent['kind'], 'asked'>): string[] =>
    machine.step({ kind }, at(ms)).map((effect) => effect.kind);
  return { machine, step };
}

test('a link costs 1,015 over IPv4 before it is measured and 915 after the first answer, as a stock node counts', (t) => {
  const { machine, step } = link();
  t.deepEqual(step(0, 'opened'), ['send-hello']);
  t.is(machine.cost, 1015);
  t.deepEqual(step(0.2, 'ihu-received'), ['cost-changed']);
  t.is(machine.cost, 915);
});

test('the cost settles on the round trip and the static cost', (t) => {
  const { machine, step } = link(10);
  step(0, 'opened');
  for (let round = 0; round < 120; round++) {
    const start = machine.deadline();
    if (round > 0) t.deepEqual(step(start, 'timer'), ['send-hello']);
    step((round > 0 ? start : 0) + 40, 'heard');
    step((round > 0 ? start : 0) + 40, 'ihu-received');
  }
  t.is(machine.cost, 50);
  t.is(Math.round(machine.roundTripMs ?? 0), 40);
});

test('a question is answered when a Hello behind it has been, however many are under way', (t) => {
  const { machine, step } = link();
  step(0, 'opened');
  step(0, 'doubted');
  t.deepEqual(
    machine.step({ kind: 'asked', question: 7 }, at(1)).map(({ kind }) => kind),
    ['send-hello'],
  );
  step(2, 'ihu-received');
  step(3, 'ihu-received');
  t.deepEqual(machine.step({ kind: 'ihu-received' }, at(4)), [{ kind: 'taken', question: 7 }]);
  t.deepEqual(step(5, 'ihu-received'), []);
});

test('a Hello is answered at once', (t) => {
  const { step } = link();
  step(0, 'opened');
  t.deepEqual(step(5, 'hello-received'), ['send-ihu']);
});

test('a link on which something was written and nothing comes back is asked, and then dead', (t) => {
  const { machine, step } = link();
  step(0, 'opened');
  step(10, 'heard');
  step(10, 'ihu-received');
  step(5_000, 'wrote');
  t.is(machine.deadline(), at(7_500));
  t.deepEqual(step(7_500, 'timer'), ['send-hello']);
  t.is(machine.deadline(), at(12_500));
  t.deepEqual(step(12_500, 'timer'), ['dead']);
  t.deepEqual(step(12_501, 'timer'), []);
});

test('a link that is heard is not asked, and one that talks but never answers a Hello is dead after 43 seconds', (t) => {
  const { machine, step } = link();
  step(0, 'opened');
  for (let ms = 500; ms < 43_000; ms += 500) {
    step(ms, 'heard');
    step(ms, 'wrote');
    const effects = machine.deadline() <= at(ms) ? step(ms, 'timer') : [];
    t.true(effects.every((kind) => kind === 'send-hello'));
  }
  t.deepEqual(step(43_000, 'timer'), ['dead']);
});

test('redials of a peer that never stood start after a quarter of a second and come at most every five seconds', (t) => {
  const backoff = new Backoff();
  t.deepEqual(
    Array.from({ length: 7 }, () => backoff.next(1)),
    [250, 500, 1000, 2000, 4000, 5000, 5000].map(milliseconds),
  );
  t.is(backoff.next(0), milliseconds(2500));
});

test('a link that stood well is dialled again at once, within 50 ms, and then ever later', (t) => {
  const backoff = new Backoff();
  for (let failures = 0; failures < 9; failures++) backoff.next(0.5);
  backoff.reset();
  t.deepEqual(
    Array.from({ length: 3 }, () => backoff.next(1)),
    [50, 250, 500].map(milliseconds),
  );
  backoff.reset();
  t.is(backoff.next(0), milliseconds(0));
});

test('a link that is doubted is asked at once and dead 7.5 seconds later if nothing is heard', (t) => {
  const { step } = link();
  step(0, 'opened');
  step(10, 'heard');
  step(10, 'ihu-received');
  t.deepEqual(step(3_000, 'doubted'), ['send-hello']);
  t.deepEqual(step(5_500, 'timer'), ['send-hello']);
  t.deepEqual(step(5_600, 'doubted'), []);
  t.deepEqual(step(10_500, 'timer'), ['dead']);
});

test('incoming links are bounded in all, per source and in rate', (t) => {
  const gate = new Gate({ ...defaultGateOptions, total: 5, perSource: 3, newPerSecondPerSource: 1, sources: 2 }, at(0));
  const enter = (source: string, ms = 0): boolean => gate.enter(source, at(ms));
  t.deepEqual([enter('x'), enter('x'), enter('x'), enter('x')], [true, true, true, false]);
  t.deepEqual([enter('y'), enter('z'), enter('y'), enter('y')], [true, false, true, false]);
  gate.leave('x');
  gate.leave('x');
  t.deepEqual([enter('x'), enter('x'), enter('x', 1_000)], [true, false, true]);
  t.is(gate.open, 5);
});

test('a rate gives its burst at once and its share after that', (t) => {
  const rate = new Rate(10, 3, at(0));
  t.deepEqual(
    [0, 0, 0, 0, 100, 100].map((ms) => rate.take(at(ms))),
    [true, true, true, false, true, false],
  );
  t.is([60_000, 60_000, 60_000, 60_000].filter((ms) => rate.take(at(ms))).length, 3);
});

test('what one tick has to say is one write, and data is dropped before control when too much waits', (t) => {
  const written: Uint8Array[] = [];
  const planned: (() => void)[] = [];
  let queuedBytes = 0;
  const wire = {
    write: (bytes: Uint8Array) => written.push(bytes) > 0,
    get queuedBytes() {
      return queuedBytes;
    },
    pause: () => {},
    end: () => {},
    destroy: () => {},
  };
  const outbox = new Outbox(
    wire,
    { dataLimitBytes: 10, ownLimitBytes: 10, controlLimitBytes: 20 },
    new Slabs(),
    (run) => planned.push(run),
    () => {},
  );
  t.true(outbox.data(Uint8Array.of(1, 2)));
  t.true(outbox.control(Uint8Array.of(3)));
  t.true(outbox.data(Uint8Array.of(4)));
  t.is(planned.length, 1);
  planned.shift()?.();
  t.deepEqual(
    written.map((bytes) => [...bytes]),
    [[1, 2, 3, 4]],
  );
  queuedBytes = 10;
  t.deepEqual([outbox.data(Uint8Array.of(5)), outbox.control(Uint8Array.of(6))], [false, true]);
  queuedBytes = 20;
  t.false(outbox.control(Uint8Array.of(7)));
});
