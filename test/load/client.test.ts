import { createServer, type Server, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import test from 'ava';
import { audit } from './audit.ts';
import { Publisher } from './publisher.ts';
import { Subscriber } from './subscriber.ts';

async function listening(accept: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const server = createServer(accept);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const at = server.address();
  return { server, port: typeof at === 'object' && at !== null ? at.port : 0 };
}

for (const version of [4, 5] as const)
  for (const qos of [0, 1, 2] as const)
    test(`MQTT ${version}, QoS ${qos}: a third party's broker carries every reading, in order`, async (t) => {
      const broker = await Aedes.createBroker();
      const { server, port } = await listening((socket) => broker.handle(socket));
      const common = { port, version, qos, clean: true, keepAliveSeconds: 10 };
      const subscriber = new Subscriber({ ...common, clientId: 'sub', filter: 'plant/#' });
      const publisher = new Publisher({
        ...common,
        clientId: 'pub',
        publisher: 1,
        topic: 'plant/1',
        payloadBytes: 64,
        window: 100,
      });
      subscriber.start();
      await subscriber.subscribed();
      publisher.start();
      publisher.publish(2_000);
      await subscriber.progress.until(() => subscriber.log.count === 2_000);
      await publisher.progress.until(() => publisher.finished || qos === 0);
      const account = audit([publisher.log], subscriber.log, (topic) => topic);
      t.like(account, { sent: 2_000, delivered: 2_000, copies: 0, doubled: 0, outOfOrder: 0, lost: 0, invented: 0 });
      if (qos > 0) t.is(account.acknowledged, 2_000);
      await Promise.all([publisher.stop(), subscriber.stop()]);
      broker.close();
      server.close();
    });

test('a publisher that was cut off comes back and sends what was not acknowledged again, with DUP and its packet id', async (t) => {
  const seen: { id: number; dup: boolean }[] = [];
  let connection = 0;
  const { server, port } = await listening((socket) => {
    const first = connection++ === 0;
    let greeted = false;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      if (!greeted) socket.write(Buffer.from([0x20, 2, first ? 0 : 1, 0]));
      const from = greeted ? 0 : 2 + (chunk[1] ?? 0);
      greeted = true;
      for (let at = from; at < chunk.length; at += 2 + (chunk[at + 1] ?? 0)) {
        if (((chunk[at] ?? 0) & 0xf0) !== 0x30) continue;
        const id = chunk.readUInt16BE(at + 4 + chunk.readUInt16BE(at + 2));
        seen.push({ id, dup: ((chunk[at] ?? 0) & 8) !== 0 });
        if (!first) socket.write(Buffer.from([0x40, 2, id >> 8, id & 255]));
      }
      if (first && seen.length >= 3) socket.destroy();
    });
  });
  const options = { port, version: 4, qos: 1, clean: false, keepAliveSeconds: 10, clientId: 'p' } as const;
  const publisher = new Publisher({ ...options, publisher: 1, topic: 'a', payloadBytes: 16, window: 3 });
  publisher.start();
  publisher.publish(4);
  await publisher.progress.until(() => publisher.finished);
  t.deepEqual(
    seen.map(({ id, dup }) => `${id}${dup ? ' dup' : ''}`),
    ['1', '2', '3', '1 dup', '2 dup', '3 dup', '4'],
  );
  t.is(publisher.log.resends, 3);
  await publisher.stop();
  server.close();
});
