import test from 'ava';
import { leafBytes } from '../../agent/bus/large/frame.ts';
import { FilesPair } from './large-pair.ts';

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

for (const sizeBytes of [0, 1, leafBytes, leafBytes + 1, 40 * leafBytes - 7]) {
  test(`a file of ${sizeBytes} bytes arrives whole, in its place, and its sender knows`, async (t) => {
    const pair = new FilesPair(20261124);
    await pair.start();
    const bytes = pair.chance.bytes(sizeBytes);
    const id = await pair.send(bytes, 'big.img', 'plant/files');
    t.true(await pair.until(() => pair.state(id)?.state === 'done', 60_000), JSON.stringify(pair.state(id)));
    t.like(pair.b.arrived, [{ id, topic: 'plant/files', sizeBytes, path: '/data/files/peer/big.img' }]);
    t.is(pair.b.arrived.length, 1);
    t.true(same(await pair.do(pair.b.content('/data/files/peer/big.img')), bytes));
    t.deepEqual(await pair.do(pair.b.disk.list('/data/incoming')), []);
    t.deepEqual(await pair.do(pair.a.disk.list('/data/outgoing')), []);
  });
}
