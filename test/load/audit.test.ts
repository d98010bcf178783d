import test from 'ava';
import { audit } from './audit.ts';
import { answer, DeliveryLog, PublishLog } from './log.ts';

const far = (topic: string): string => `gw/${topic}`;

function sent(
  qos: 1 | 2,
  count: number,
  unanswered: readonly number[] = [],
  resent: readonly number[] = [],
): PublishLog {
  const log = new PublishLog(7, 'plant/7', qos);
  for (let counter = 1; counter <= count; counter++) log.first(counter, 0);
  for (const counter of resent) log.again(counter);
  for (let counter = 1; counter <= count; counter++)
    if (!unanswered.includes(counter)) log.answer(counter, answer.completed);
  return log;
}

/** Negative: with DUP. */
function arrived(counters: readonly number[], topic = 'gw/plant/7'): DeliveryLog {
  const log = new DeliveryLog();
  for (const counter of counters) {
    log.topic.push(log.topicIndex(topic));
    log.publisher.push(7);
    log.counter.push(Math.abs(counter));
    log.flags.push(counter < 0 ? 0x0a : 0x02);
  }
  return log;
}

const clean = { sent: 3, acknowledged: 3, delivered: 3, copies: 0, doubled: 0, outOfOrder: 0, lost: 0, invented: 0 };

test('every reading once and in order is a clean account', (t) => {
  t.deepEqual(audit([sent(1, 3)], arrived([1, 2, 3]), far), clean);
});

test('an acknowledged reading that never arrives is lost; one that was not acknowledged is not', (t) => {
  t.like(audit([sent(1, 3)], arrived([1, 3]), far), { lost: 1, delivered: 2 });
  t.like(audit([sent(1, 3, [2])], arrived([1, 3]), far), { lost: 0, acknowledged: 2 });
});

test('a first arrival behind a later reading is out of order; a copy is not', (t) => {
  t.like(audit([sent(1, 3)], arrived([1, 3, 2]), far), { outOfOrder: 1 });
  t.like(audit([sent(1, 3)], arrived([1, 2, 3, -2, -3]), far), { outOfOrder: 0, copies: 2, doubled: 0 });
});

test('with QoS 1 a copy needs DUP or a resend of the publisher for each', (t) => {
  t.like(audit([sent(1, 3)], arrived([1, 2, 2, 3]), far), { doubled: 1, copies: 0 });
  t.like(audit([sent(1, 3, [], [2])], arrived([1, 2, 2, 3]), far), { doubled: 0, copies: 1 });
  t.like(audit([sent(1, 3, [], [2])], arrived([1, 2, 2, 2, 3]), far), { doubled: 1, copies: 1 });
  t.like(audit([sent(1, 3)], arrived([-1, 1, 2, 3]), far), { doubled: 0, copies: 1 });
});

test('with QoS 2 no copy is allowed, whatever flag it carries', (t) => {
  t.like(audit([sent(2, 3, [], [2])], arrived([1, 2, -2, 3]), far), { doubled: 1 });
});

test('what nobody sent, or under another topic, is invented', (t) => {
  t.like(audit([sent(1, 3)], arrived([1, 2, 3, 4]), far), { invented: 1 });
  t.like(audit([sent(1, 3)], arrived([1, 2, 3], 'plant/7'), far), { invented: 3, lost: 3 });
});
