import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { RunningAgent } from '../../cli/hypha.ts';
import { startPair } from '../../cli/pair.ts';
import { Stock } from '../../interop/stock.ts';
import type { Asked, Nodes } from './step.ts';

/** Two stock daemons, the left one with the right one as its peer. */
export async function stockNodes(directory: string): Promise<Nodes> {
  const right = await Stock.start([], randomBytes(32));
  const left = await Stock.start([`tcp://127.0.0.1:${right.port}`], randomBytes(32));
  const socket = await listen(join(directory, 'stock.sock'));
  return {
    left: await known(left.apiPort, left.rpcPort),
    right: await known(right.apiPort, right.rpcPort),
    socket: socket.path,
    stop: async () => {
      await Promise.all([left.stop(), right.stop()]);
      socket.close();
    },
  };
}

/** Two agents of ours, whose stock API is open in full. */
export async function ourNodes(directory: string): Promise<Nodes> {
  const { gateway, hub, stop } = await startPair(directory, { HYPHA_API_STOCK: 'full' });
  const socket = await listen(join(directory, 'ours.sock'));
  return {
    left: await known(portOf(gateway, 'api'), portOf(gateway, 'rpc')),
    right: await known(portOf(hub, 'api'), portOf(hub, 'rpc')),
    socket: socket.path,
    stop: async () => {
      await stop();
      socket.close();
    },
  };
}

const portOf = (agent: RunningAgent, door: string): number => Number(agent.doors[door]?.split(':').at(-1));

async function known(httpPort: number, rpcPort: number): Promise<Asked> {
  const text = await new Promise<string>((resolve, reject) => {
    request({ host: '127.0.0.1', port: httpPort, path: '/api/v1/admin' }, (response) => {
      let all = '';
      response.on('data', (piece: Buffer) => {
        all += piece.toString();
      });
      response.once('end', () => resolve(all));
    })
      .once('error', reject)
      .end();
  });
  const { nodePubkey, nodeIp, nodeSubnet } = JSON.parse(text);
  return { httpPort, rpcPort, pk: nodePubkey, ip: nodeIp, subnet: nodeSubnet };
}

/** A program behind a Unix socket that answers "re:" and what it was told first. */
function listen(path: string): Promise<{ readonly path: string; close(): void }> {
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (told) => socket.end(`re:${told}`));
  });
  return new Promise((resolve) => server.listen(path, () => resolve({ path, close: () => void server.close() })));
}
