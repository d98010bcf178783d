import test from 'ava';
import { ringOptions } from '#app';
import { milliseconds } from '#kernel';
import { read, refusal } from './settings.ts';

test('a lane has its own commit interval, the urgent one commits at once unless told otherwise', async (t) => {
  const { ring } = read('[ring]\ncommit = "50ms"\nbulk = { commit = "1s" }');
  const { commitWindow, lanes } = await ringOptions(ring, 'nowhere', null);
  const found = [commitWindow, lanes?.urgent?.commitWindow, lanes?.normal?.commitWindow, lanes?.bulk?.commitWindow];
  t.deepEqual(found, [50, 0, 50, 1000].map(milliseconds));
  t.regex(refusal('[ring.bulk]\ncomit = "1s"'), /ring\.bulk\.comit: .* did you mean "commit"\?/);
});

test('a lane has a budget in bytes with a policy of its own; a policy without a budget is refused', async (t) => {
  const { ring } = read('[ring]\nbulk = { size = "100MB", full = "refuse" }\nnormal = { size = "200MB" }');
  const { lanes } = await ringOptions(ring, 'nowhere', null);
  t.like(lanes?.bulk, { sizeBytes: 100 * 1024 ** 2, full: 'refuse' });
  t.like(lanes?.normal, { sizeBytes: 200 * 1024 ** 2, full: 'drop-oldest' });
  t.like(lanes?.urgent, { sizeBytes: null });
  t.regex(refusal('[ring.bulk]\nfull = "refuse"'), /ring\.bulk\.full: .*wanted size with it/);
});
