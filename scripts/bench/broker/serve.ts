import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { Aedes } from 'aedes';
import { createBroker } from '#broker';
import { milliseconds } from '#kernel';
import { realEnv, realLog } from '#platform';
import { openRing } from '#ring';

/** One broker in a process of its own: `aedes` as it comes, `ours` with a cursor that wants everything on plant/#. */
const which = process.argv[2];
const server = createServer({ noDelay: true });

if (which === 'aedes') {
  const aedes = await Aedes.createBroker();
  server.on('connection', (socket) => aedes.handle(socket));
} else {
  const env = realEnv(realLog({ level: 'error', format: 'json', to: 2 }));
  const directory = mkdtempSync(`${tmpdir()}/hypha-bench-broker-`);
  const commitWindow = milliseconds(Number(process.argv[3] ?? 0));
  const ring = await openRing(env, { directory, sizeBytes: 256 << 20, full: 'drop-oldest', commitWindow });
  if (which === 'stored') ring.cursor({ name: 'link/bench/1', filters: ['plant/#'], except: null, from: 'now' });
  const broker = createBroker(env, ring, {
    clientId: 'bench',
    maxPacketBytes: 1 << 20,
    maxConnections: 1_000,
    inflight: 1_000,
    passQos0: () => false,
  });
  await broker.start();
  server.on('connection', (socket) => broker.serve(socket, 'bench'));
}

server.listen(0, '127.0.0.1', () => {
  const at = server.address();
  process.send?.(typeof at === 'object' && at !== null ? at.port : 0);
});
process.on('message', () => process.send?.(process.cpuUsage().user + process.cpuUsage().system));
process.on('disconnect', () => process.exit(0));
