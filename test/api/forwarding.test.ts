import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { makeDirectory, RunningAgent } from '../cli/hypha.ts';
import { ask, bearer } from './ask.ts';
import { base64, metric, nodeOf, pairOf, pop, push } from './plain.ts';

const directory = makeDirectory();
test.after.always(() => directory.remove());

/** A program behind a socket: it says `pieces` and closes, or does not. */
function program(path: string, pieces: readonly string[], closes: boolean): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      for (const piece of pieces) socket.write(piece);
      if (closes) socket.end();
    });
  });
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}

test('what a program behind a socket says within 5 s is the reply; without a program the message waits in the inbox', async (t) => {
  const pair = await pairOf({ HYPHA_API_STOCK: 'full' });
  const hub = await nodeOf(pair.hub);
  const forward = async (topic: string, socketPath: string): Promise<void> => {
    await ask(pair.hub, '/api/v1/messages/topics', { body: [...Buffer.from(topic)] });
    await ask(pair.hub, `/api/v1/messages/topics/${encodeURIComponent(base64(topic))}/sources`, {
      body: { subnet: '400::/7' },
    });
    const path = `/api/v1/messages/topics/${encodeURIComponent(base64(topic))}/forward`;
    t.is((await ask(pair.hub, path, { method: 'PUT', body: { socketPath } })).status, 204);
  };
  const quick = join(directory.path, 'quick.sock');
  const slow = join(directory.path, 'slow.sock');
  const silent = join(directory.path, 'silent.sock');
  const servers = await Promise.all([
    program(quick, ['a', 'b'], true),
    program(slow, ['half'], false),
    program(silent, [], false),
  ]);
  await forward('quick', quick);
  await forward('slow', slow);
  await forward('silent', silent);
  await forward('gone', join(directory.path, 'gone.sock'));
  const asked = async (topic: string): Promise<string> => {
    const body = { dst: { pk: hub.nodePubkey }, payload: base64('?'), topic: base64(topic) };
    const { status, json } = await ask(pair.gateway, '/api/v1/messages?reply_timeout=15', { body });
    return status === 200
      ? Buffer.from((json as { payload: string }).payload, 'base64').toString()
      : `status ${status}`;
  };
  for (const topic of ['gone', 'silent']) await push(pair.gateway, hub, topic, topic);
  t.deepEqual(await Promise.all([asked('quick'), asked('slow')]), ['ab', 'half']);
  t.is(await pop(pair.hub, 'timeout=20'), 'gone');
  t.is(await pop(pair.hub, 'timeout=20'), 'silent');
  t.is(await pop(pair.hub, 'timeout=0'), null);
  t.is(await metric(pair.hub, /^hypha_messages_total\{result="forwarded"\} (\d+)$/m), 2);
  for (const server of servers) server.close();
  await pair.stop();
});

test('a message of 12 MB goes out under the token, comes into an inbox that has room for it, and outlasts a kill', async (t) => {
  const pair = await pairOf({ HYPHA_API_INBOX: '13MB' });
  const gateway = await nodeOf(pair.gateway);
  const payload = Buffer.alloc(12_582_912, 'abcdefg').toString('base64');
  const body = { to: gateway.nodePubkey, payload, waitMs: 60_000 };
  t.is((await ask(pair.hub, '/hypha/v1/send', { body: { to: gateway.nodePubkey, payload: 'AA==' } })).status, 401);
  const sent = await ask(pair.hub, '/hypha/v1/send', { body, headers: bearer(pair.hub) });
  t.like(sent.json, { state: 'received' });
  await pair.gateway.stop('SIGKILL');
  const again = await RunningAgent.start(pair.gateway, { HYPHA_API_INBOX: '13MB' });
  const { json } = await ask(again, '/api/v1/messages');
  t.true((json as { payload: string }).payload === payload, 'byte for byte');
  const small = await ask(pair.hub, '/hypha/v1/send', {
    body: { ...body, waitMs: 500, payload: Buffer.alloc(13_631_488).toString('base64') },
    headers: bearer(pair.hub),
  });
  t.true((small.json as { state: string }).state !== 'received', 'longer than the inbox: never admitted');
  await again.stop();
  await pair.stop();
});
