/** A process that appends numbered messages to a ring until it is killed, and says on stdout what is durable. */
import type { Duration } from '#kernel';
import { openRing } from '#ring';
import { message, put } from './bench.ts';
import { realEnv, unsyncedDisk } from './real.ts';

const [directory = '', start = '0', mode = 'sync'] = process.argv.slice(2);
const ring = await openRing(mode === 'sync' ? realEnv() : realEnv([], unsyncedDisk()), {
  directory,
  sizeBytes: 4 * 1024 * 1024,
  full: 'drop-oldest',
  commitWindow: 0 as Duration,
});
ring.cursor({ name: 'c', filters: ['#'], except: null, from: 'now' });
const numbers = new Map<number, number>();
let next = Number(start);
ring.onDurable((durable) => {
  let last = -1;
  for (const [sequence, number] of numbers) {
    if (sequence > durable) break;
    last = number;
    numbers.delete(sequence);
  }
  if (last >= 0) process.stdout.write(`${last}\n`);
});
const more = (): void => {
  for (let count = 0; count < 3; count++) {
    const appended = ring.append([message('a', `${next}:${'x'.repeat((next * 37) % 700)}`), put('last', `${next}`)]);
    if (!appended.ok) break;
    numbers.set(appended.last, next++);
  }
  setTimeout(more, 1);
};
more();
