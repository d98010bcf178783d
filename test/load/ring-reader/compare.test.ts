import test from 'ava';
import { answer, DeliveryLog, PublishLog } from '../log.ts';
import { compareDeliveries, compareFar, compareNear } from './compare.ts';
import type { StoredMessage } from './image.ts';

/** `entries`: counter of each record, in the ring's order. */
function ring(counters: readonly number[], origin: string | null = null, topic = 'plant/7'): StoredMessage[] {
  return counters.map((counter, index) => {
    const body = Buffer.alloc(17);
    body.writeUInt32LE(7, 1);
    body.writeUInt32LE(counter, 5);
    const born = origin === null ? null : { key: origin, epoch: 'e', sequence: index + 1 };
    return { sequence: index + 1, epoch: 'e', topic, qos: 1, body, origin: born };
  });
}

function published(count: number, resent: readonly number[] = [], qos: 1 | 2 = 1): PublishLog {
  const log = new PublishLog(7, 'plant/7', qos);
  for (let counter = 1; counter <= count; counter++) log.first(counter, 0);
  for (const counter of resent) log.again(counter);
  for (let counter = 1; counter <= count; counter++) log.answer(counter, answer.completed);
  return log;
}

/** Negative: with DUP. */
function delivered(counters: readonly number[]): DeliveryLog {
  const log = new DeliveryLog();
  for (const counter of counters) {
    log.publisher.push(7);
    log.counter.push(Math.abs(counter));
    log.flags.push(counter < 0 ? 0x0a : 0x02);
  }
  return log;
}

const far = (topic: string): string => `gateway/${topic}`;
const farRing = (counters: readonly number[]) => ring(counters, 'k', 'gateway/plant/7');

test('a near ring agrees with its publishers, or what does not is named', (t) => {
  t.deepEqual(compareNear(ring([1, 2, 3]), [published(3)]), []);
  t.deepEqual(compareNear(ring([1, 2, 1, 2, 3]), [published(3, [1, 2])]), []);
  t.regex(compareNear(ring([1, 3]), [published(3)]).join(), /2: answered, not in the ring/);
  t.regex(compareNear(ring([1, 3, 2]), [published(3)]).join(), /out of order/);
  t.regex(compareNear(ring([1, 2, 2, 3]), [published(3)]).join(), /2 records, sent 1 times/);
  t.regex(compareNear(ring([1, 2, 2, 3]), [published(3, [2], 2)]).join(), /2 records, sent 1 times/);
  t.regex(compareNear(ring([1, 2, 3, 4]), [published(3)]).join(), /never sent/);
});

test('a far ring holds the near one, record by record, or what does not is named', (t) => {
  const near = ring([1, 2, 3]);
  t.deepEqual(compareFar(near, farRing([1, 2, 3]), 'k', far), []);
  t.regex(compareFar(near, farRing([1, 2]), 'k', far).join(), /3 records near, 2 far/);
  t.regex(compareFar(near, farRing([1, 3, 2]), 'k', far).join(), /far 2: changed/);
  const [first, second, third] = farRing([1, 2, 3]);
  const swapped = [first, third, second].filter((each) => each !== undefined);
  t.regex(compareFar(near, swapped, 'k', far).join(), /far 3: born as e 3, wanted e 2/);
});

test('a subscriber got the far ring in its order, or what it did not get is named', (t) => {
  const stored = farRing([1, 2, 3, 4]);
  t.deepEqual(compareDeliveries(stored, delivered([1, 2, 3, 4])), []);
  t.deepEqual(compareDeliveries(stored, delivered([1, -2, -2, 3, -3, 4])), []);
  t.regex(compareDeliveries(stored, delivered([1, 3, 4])).join(), /7\/2 never delivered before 7\/3/);
  t.regex(compareDeliveries(stored, delivered([1, 2, 2, 3, 4])).join(), /7\/2 stands nowhere/);
  t.regex(compareDeliveries(stored, delivered([2, 1, 3, 4])).join(), /never delivered|stands nowhere/);
  t.regex(compareDeliveries(stored, delivered([1, 2, 3])).join(), /7\/4 never delivered/);
});
