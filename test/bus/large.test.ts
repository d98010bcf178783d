import test from 'ava';
import { filesHeadBytes, leafBytes, openFilesFrame } from '../../agent/bus/large/frame.ts';
import { type FilesEnd, FilesPair } from './large-pair.ts';

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const seed = Number(process.env['SEED'] ?? 20261124);

for (const sizeBytes of [0, 1, leafBytes, leafBytes + 1, 40 * leafBytes - 7]) {
  test(`a file of ${sizeBytes} bytes arrives whole, in its place, and its sender knows`, async (t) => {
    const pair = await started(seed);
    const bytes = pair.chance.bytes(sizeBytes);
    const id = await pair.send(bytes, 'big.img', 'plant/files');
    t.true(await isOver(pair, id), JSON.stringify(pair.state(id)));
    t.is(pair.state(id)?.state, 'done');
    t.like(pair.b.arrived, [{ id, topic: 'plant/files', sizeBytes, path: '/data/files/peer/big.img' }]);
    t.is(pair.b.arrived.length, 1);
    t.true(same(await pair.do(pair.b.content('/data/files/peer/big.img')), bytes));
    t.deepEqual(await pair.do(pair.b.disk.list('/data/incoming')), []);
    t.deepEqual(await pair.do(pair.a.disk.list('/data/outgoing')), []);
  });
}

const storms = process.env['LONG_TESTS'] === undefined ? 10 : 200;

for (let each = 0; each < storms; each++) {
  const own = seed + each;
  test(`whatever is lost, late, killed or cut on the way, the file arrives whole (SEED=${own})`, async (t) => {
    const pair = await started(own);
    const bytes = pair.chance.bytes(48 * leafBytes + pair.chance.between(0, leafBytes));
    const id = await pair.send(bytes);
    for (const end of [pair.a, pair.b]) end.courier.conditions = { loss: 0.03, late: 0.1, again: 0.05 };
    await storm(pair, 6);
    for (const end of [pair.a, pair.b]) end.courier.conditions = { loss: 0, late: 0, again: 0 };
    t.true(await isOver(pair, id), JSON.stringify([pair.state(id), pair.state(id, pair.b)]));
    t.is(pair.state(id)?.state, 'done', JSON.stringify(pair.state(id)));
    const [file] = pair.b.arrived;
    t.true(file !== undefined && same(await pair.do(pair.b.content(file.path)), bytes));
    t.true(
      pair.b.arrived.every(({ path }) => path === file?.path),
      'told again, at most, of the same place',
    );
    t.deepEqual(await pair.do(pair.b.disk.list('/data/files/peer')), ['file.bin']);
  });
}

test('a receiver that was killed half-way goes on where it was', async (t) => {
  const pair = await started(seed);
  const bytes = pair.chance.bytes(200 * leafBytes);
  const id = await pair.send(bytes);
  t.true(await pair.until(() => pair.b.allPieces > 100, 60_000));
  pair.b.die('killed');
  await pair.do(pair.b.boot());
  t.true(await isOver(pair, id));
  t.true(same(await pair.do(pair.b.content('/data/files/peer/file.bin')), bytes));
  t.true(pair.b.allPieces <= 200 + 40, `${pair.b.allPieces} pieces for 200 leaves`);
});

test('what the disk has lost or changed since the restart before is not taken for the file', async (t) => {
  const pair = await started(seed);
  const bytes = pair.chance.bytes(200 * leafBytes);
  const id = await pair.send(bytes);
  t.true(await pair.until(() => pair.b.allPieces > 100, 60_000));
  pair.b.die('killed');
  const [part = ''] = (await pair.do(pair.b.disk.list('/data/incoming'))).filter((name) => name.endsWith('.part'));
  const file = await pair.do(pair.b.disk.open(`/data/incoming/${part}`, 'open'));
  await pair.do(file.write(Uint8Array.of((bytes[30 * leafBytes] ?? 0) ^ 1), 30 * leafBytes));
  await pair.do(file.close());
  await pair.do(pair.b.boot());
  t.true(await isOver(pair, id));
  t.true(same(await pair.do(pair.b.content('/data/files/peer/file.bin')), bytes));
});

test('a sender that was killed half-way goes on where it was', async (t) => {
  const pair = await started(seed);
  const id = await pair.send(pair.chance.bytes(200 * leafBytes));
  t.true(await pair.until(() => pair.b.allPieces > 100, 60_000));
  pair.a.die('killed');
  await pair.do(pair.a.boot());
  t.true(await isOver(pair, id));
  t.true(pair.b.allPieces <= 200 + 40, `${pair.b.allPieces} pieces for 200 leaves`);
});

test('a wrong piece is not written; a sender of several is told and heard no more', async (t) => {
  const pair = await started(seed);
  pair.b.spoil = (payload) => changedPiece(payload, filesHeadBytes + 400);
  const id = await pair.send(pair.chance.bytes(20 * leafBytes));
  t.true(await isOver(pair, id));
  t.like(pair.state(id), { state: 'refused' });
  t.regex(pair.state(id)?.why ?? '', /^piece \d+ is not of the file that was offered/);
  t.true((pair.b.files?.counters.wrongPieces ?? 0) >= 3);
  t.deepEqual(await pair.do(pair.b.disk.list('/data/incoming')), []);
  t.deepEqual(pair.b.arrived, []);
});

test('a piece that was changed once on its way is sent again', async (t) => {
  const pair = await started(seed);
  const bytes = pair.chance.bytes(20 * leafBytes);
  let isDone = false;
  pair.b.spoil = (payload) => {
    const changed = isDone ? payload : changedPiece(payload, filesHeadBytes + 400);
    isDone ||= changed !== payload;
    return changed;
  };
  const id = await pair.send(bytes);
  t.true(await isOver(pair, id));
  t.is(pair.b.files?.counters.wrongPieces, 1);
  t.true(same(await pair.do(pair.b.content('/data/files/peer/file.bin')), bytes));
});

test('a full disk holds a file up, its sender knows why, and it goes on when there is room', async (t) => {
  const pair = await started(seed);
  const bytes = pair.chance.bytes(100 * leafBytes);
  pair.b.disk.faults.capacityBytes = 40 * leafBytes;
  const id = await pair.send(bytes);
  const isFull = () => pair.state(id)?.state === 'waiting' && pair.state(id)?.why === 'the disk there is full';
  t.true(await pair.until(isFull, 60_000), JSON.stringify(pair.state(id)));
  pair.b.disk.faults.capacityBytes = Number.POSITIVE_INFINITY;
  t.true(await isOver(pair, id));
  t.true(same(await pair.do(pair.b.content('/data/files/peer/file.bin')), bytes));
});

test('what was written before a sync that failed is not trusted: the file is begun again', async (t) => {
  const pair = await started(seed);
  const bytes = pair.chance.bytes(20 * leafBytes);
  const id = await pair.send(bytes);
  t.true(await pair.until(() => pair.b.allPieces >= 10, 60_000));
  pair.b.disk.faults.failSyncs = 1;
  t.true(await isOver(pair, id));
  t.true(same(await pair.do(pair.b.content('/data/files/peer/file.bin')), bytes));
});

test('a file that nobody there accepts is refused with the reason, and costs nothing there', async (t) => {
  const pair = await started(seed, (end) => {
    end.rules.mayBring = (topic) => (topic === 'open' ? 10 : 0);
  });
  const closed = await pair.send(pair.chance.bytes(5), 'a', 'shut');
  const large = await pair.send(pair.chance.bytes(11), 'b', 'open');
  t.true((await isOver(pair, closed)) && (await isOver(pair, large)));
  t.regex(pair.state(closed)?.why ?? '', /^no \[\[accept\]\] there .* on the topic shut/);
  t.regex(pair.state(large)?.why ?? '', /^11 bytes found, the \[\[accept\]\] there wants 10 at most/);
  t.deepEqual(pair.b.files?.transfers(), []);
});

test('files beyond the space for them wait until somebody takes some away', async (t) => {
  const pair = await started(seed, (end) => {
    end.rules.limits = { totalBytes: 3 * leafBytes, atOnce: 4 };
  });
  const first = await pair.send(pair.chance.bytes(2 * leafBytes), 'first');
  t.true(await isOver(pair, first));
  const second = await pair.send(pair.chance.bytes(2 * leafBytes), 'second');
  t.true(await pair.until(() => pair.state(second)?.state === 'waiting', 60_000));
  t.regex(pair.state(second)?.why ?? '', /bytes of files lie there/);
  await pair.do(pair.b.disk.remove('/data/files/peer/first'));
  t.true(await isOver(pair, second));
  t.is(pair.state(second)?.state, 'done');
});

test('several files take turns, and none is without a place for ever', async (t) => {
  const pair = await started(seed, (end) => {
    end.rules.limits = { totalBytes: 1 << 30, atOnce: 2 };
  });
  const sent = [
    await pair.send(pair.chance.bytes(60 * leafBytes), 'same'),
    await pair.send(pair.chance.bytes(60 * leafBytes), 'same'),
    await pair.send(pair.chance.bytes(60 * leafBytes), 'same'),
  ];
  t.true(await pair.until(() => written(pair, sent[0]) > 20 && written(pair, sent[1]) > 20, 60_000));
  t.true(Math.abs(written(pair, sent[0]) - written(pair, sent[1])) < 24, 'two files go side by side');
  for (const id of sent) t.true(await isOver(pair, id));
  t.is(new Set(pair.b.arrived.map(({ path }) => path)).size, 3, 'one name, three files');
});

for (const who of ['a', 'b'] as const) {
  test(`${who === 'a' ? 'the sender' : 'the receiver'} cancels, the other end knows, and nothing is left`, async (t) => {
    const pair = await started(seed);
    const id = await pair.send(pair.chance.bytes(200 * leafBytes));
    t.true(await pair.until(() => pair.b.allPieces > 20, 60_000));
    t.true(pair[who].files?.cancel(id));
    t.false(pair[who].files?.cancel('none'));
    const ends = [pair.a, pair.b];
    t.true(await pair.until(() => ends.every((end) => pair.state(id, end)?.state === 'cancelled'), 60_000));
    await pair.until(() => false, 5_000);
    t.deepEqual(await pair.do(pair.b.disk.list('/data/incoming')), []);
    t.deepEqual(await pair.do(pair.a.disk.list('/data/outgoing')), []);
  });
}

test('a file that was changed after it was offered is not sent, and says so', async (t) => {
  const pair = await started(seed);
  const id = await pair.send(pair.chance.bytes(200 * leafBytes));
  t.true(await pair.until(() => pair.b.allPieces > 20, 60_000));
  const path = pair.state(id)?.path ?? '';
  await pair.do(pair.a.place(path, pair.chance.bytes(200 * leafBytes)));
  t.true(await isOver(pair, id));
  t.like(pair.state(id), { state: 'failed' });
  t.regex(pair.state(id)?.why ?? '', /found other content than when it was offered/);
  t.true(await pair.until(() => pair.state(id, pair.b)?.state === 'cancelled', 60_000));
});

async function started(own: number, rules: (end: FilesEnd) => void = () => {}): Promise<FilesPair> {
  const pair = new FilesPair(own);
  rules(pair.b);
  await pair.start();
  return pair;
}

const written = (pair: FilesPair, id: string | undefined): number =>
  Math.floor((pair.state(id ?? '', pair.b)?.doneBytes ?? 0) / leafBytes);

const over: readonly (string | undefined)[] = ['done', 'refused', 'cancelled', 'failed'];

/** Ended at the sender, and tidied up there. */
async function isOver(pair: FilesPair, id: string): Promise<boolean> {
  const ended = await pair.until(() => over.includes(pair.state(id)?.state), 600_000);
  await pair.until(() => false, 100);
  return ended;
}

/** Kills and cuts of either end at any moment. */
async function storm(pair: FilesPair, strikes: number): Promise<void> {
  for (let strike = 0; strike < strikes; strike++) {
    await pair.until(() => false, pair.chance.between(1, 400));
    const end = pair.chance.pick([pair.a, pair.b]);
    end.die(pair.chance.pick(['killed', 'power'] as const));
    await pair.until(() => false, pair.chance.between(1, 500));
    await pair.do(end.boot());
  }
}

function changedPiece(payload: Uint8Array, at: number): Uint8Array {
  if (openFilesFrame(payload)?.kind !== 'piece') return payload;
  const changed = Uint8Array.from(payload);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
}
