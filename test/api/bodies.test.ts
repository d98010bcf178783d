import { connect, type Socket } from 'node:net';
import test from 'ava';
import Fastify from 'fastify';
import { listenHttp } from '#platform';
import { Bodies, boundBodies } from '../../agent/api/bodies.ts';
import { makeDirectory, placeAgent, RunningAgent } from '../cli/hypha.ts';
import { ask } from './ask.ts';

const directory = makeDirectory();
test.after.always(() => directory.remove());

/** A client that promises a body of `promised` bytes and sends `sent` of them. */
class Slow {
  readonly socket: Socket;
  #text = '';
  #isClosed = false;
  #woken = (): void => undefined;

  constructor(door: string, path: string, promised: number, sent: number) {
    const [host = '', port = ''] = door.split(':');
    this.socket = connect(Number(port), host);
    this.socket.on('error', () => undefined);
    this.socket.on('data', (piece) => {
      this.#text += piece.toString();
      this.#woken();
    });
    this.socket.once('close', () => {
      this.#isClosed = true;
      this.#woken();
    });
    const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n`;
    this.socket.write(`${head}content-length: ${promised}\r\n\r\n`);
    this.socket.write(Buffer.alloc(sent, ' '));
  }

  /** The head of its answer. */
  async answered(): Promise<string> {
    while (!this.#text.includes('\r\n\r\n') && !this.#isClosed)
      await new Promise<void>((resolve) => {
        this.#woken = resolve;
      });
    return this.#text;
  }
}

const metric = async (agent: RunningAgent, name: string): Promise<number> =>
  Number(new RegExp(`^${name} (\\d+)$`, 'm').exec((await ask(agent, '/metrics')).text)?.[1]);

const megabyte = 1_048_576;

test('bodies hold 32 MiB together; beyond it is said when to come again, and small requests are heard all the time', async (t) => {
  const agent = await RunningAgent.start(placeAgent(directory.path, 'bodies', 'overlay = { listen = [] }\n'));
  const rpc = agent.doors['rpc'] ?? '';
  const slow = Array.from({ length: 64 }, () => new Slow(rpc, '/', 10 * megabyte, 9 * megabyte));
  const first = await Promise.any(slow.map((client) => client.answered()));
  t.regex(first, /^HTTP\/1\.1 503 /);
  t.regex(first, /^retry-after: 1\r$/im);
  while ((await metric(agent, 'hypha_api_bodies_refused_total')) < 60) t.pass();
  t.true((await metric(agent, 'hypha_api_body_bytes')) <= 32 * megabyte);
  t.is((await ask(agent, '/rpc', { body: { jsonrpc: '2.0', id: 1, method: 'getTopics' } })).status, 200);
  for (const { socket } of slow) socket.destroy();
  while ((await metric(agent, 'hypha_api_body_bytes')) > 0) t.pass();
  await agent.stop();
});

test('a body that comes too slowly is timed out, and makes room', async (t) => {
  const bodies = new Bodies();
  const app = Fastify({ bodyLimit: 10 * megabyte });
  boundBodies(app, bodies);
  app.post('/', async () => 'taken');
  await app.ready();
  const limits = { connections: 8, requestMs: 400 };
  const listener = await listenHttp({ host: '127.0.0.1', port: 0 }, limits, (request, response) =>
    app.routing(request, response),
  );
  const client = new Slow(`127.0.0.1:${listener.at.port}`, '/', 2 * megabyte, megabyte);
  t.regex(await client.answered(), /^HTTP\/1\.1 408 /);
  client.socket.destroy();
  while (bodies.bytes > 0) await new Promise((resolve) => setImmediate(resolve));
  t.is(bodies.refused, 0);
  await app.close();
  await listener.close();
});
