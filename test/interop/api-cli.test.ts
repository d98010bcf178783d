import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { ask } from '../api/ask.ts';
import { makeDirectory, type RunningAgent } from '../cli/hypha.ts';
import { type Pair, startPair } from '../cli/pair.ts';
import { stockBinary } from './stock.ts';

/** Runs with a stock binary in MYCELIUM_BIN (0.7.10); without one every test of this file is skipped. */
const withStock = stockBinary === undefined ? test.skip : test.serial;
if (stockBinary === undefined) console.log('skipped: tests with the stock command line, MYCELIUM_BIN is not set');

const directory = makeDirectory();
let pair: Pair;
let hub: { readonly nodeIp: string; readonly nodePubkey: string };
let gateway: typeof hub;

test.before(async () => {
  if (stockBinary === undefined) return;
  pair = await startPair(directory.path, { HYPHA_API_STOCK: 'full' });
  hub = (await ask(pair.hub, '/api/v1/admin')).json as typeof hub;
  gateway = (await ask(pair.gateway, '/api/v1/admin')).json as typeof hub;
});
test.after.always(async () => {
  await pair?.stop();
  directory.remove();
});

/** Stock's command line against an agent of ours; rejects when it ends with another code than 0. */
function mycelium(agent: RunningAgent, ...args: readonly string[]): Promise<string> {
  const env = { HOME: directory.path, PATH: process.env['PATH'] ?? '' };
  const all = ['--silent', '--api-addr', agent.doors['api'] ?? '', ...args];
  return new Promise((resolve, reject) => {
    execFile(stockBinary ?? '', all, { env, cwd: directory.path, timeout: 30_000 }, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(error);
    });
  });
}

withStock(
  "stock's `message send` and `receive` carry a message, by key and by address, with topic and to a file",
  async (t) => {
    for (const to of [hub.nodePubkey, hub.nodeIp]) {
      const { id } = JSON.parse(await mycelium(pair.gateway, 'message', 'send', '-t', 'news', to, 'good news'));
      const got = JSON.parse(await mycelium(pair.hub, 'message', 'receive', '--timeout', '20', '-t', 'news'));
      t.deepEqual(got, {
        id,
        srcIp: gateway.nodeIp,
        srcPk: gateway.nodePubkey,
        dstIp: hub.nodeIp,
        dstPk: hub.nodePubkey,
        topic: 'news',
        payload: 'good news',
      });
    }
    await mycelium(pair.gateway, 'message', 'send', hub.nodePubkey, 'to a file');
    const file = join(directory.path, 'received');
    await mycelium(pair.hub, 'message', 'receive', '--timeout', '20', '--raw', '--msg-path', file);
    t.is(readFileSync(file, 'utf8'), 'to a file');
    t.is(await mycelium(pair.hub, 'message', 'receive', '--timeout', '0'), '');
  },
);

withStock("stock's `message send --wait` gets the reply that `--reply-to` sends", async (t) => {
  const waiting = mycelium(pair.gateway, 'message', 'send', '--wait', '--timeout', '20', hub.nodePubkey, 'question?');
  const question = JSON.parse(await mycelium(pair.hub, 'message', 'receive', '--timeout', '20'));
  t.is(question.payload, 'question?');
  t.is(await mycelium(pair.hub, 'message', 'send', '--reply-to', question.id, question.srcIp, 'answer!'), '');
  t.like(JSON.parse(await waiting), { id: question.id, payload: 'answer!', srcPk: hub.nodePubkey });
});

withStock('a `message receive` without a time-out waits until something comes', async (t) => {
  const waiting = mycelium(pair.hub, 'message', 'receive', '--raw');
  await mycelium(pair.gateway, 'message', 'send', hub.nodePubkey, 'at last');
  t.is(await waiting, 'at last\n');
});

withStock("stock's `peers` lists, adds and removes, and `routes` tells", async (t) => {
  const list = async () => JSON.parse(await mycelium(pair.gateway, 'peers', 'list', '--json')) as { type: string }[];
  t.is((await list()).length, 1);
  await mycelium(pair.gateway, 'peers', 'add', 'tcp://127.0.0.1:1');
  t.is((await list()).length, 2);
  await t.throwsAsync(mycelium(pair.gateway, 'peers', 'add', 'tcp://127.0.0.1:1'));
  await mycelium(pair.gateway, 'peers', 'remove', 'tcp://127.0.0.1:1');
  t.is((await list()).length, 1);
  t.regex(await mycelium(pair.gateway, 'peers', 'list'), /Protocol.*Socket.*Type.*\n.*\n.*tcp.*alive/i);
  t.true((await mycelium(pair.gateway, 'routes', 'selected')).includes(hub.nodeIp.split(':').slice(0, 4).join(':')));
  for (const which of ['fallback', 'queried']) t.regex(await mycelium(pair.gateway, 'routes', which), /subnet/i);
});

withStock("stock's `inspect` finds the agent's address from its key", async (t) => {
  const found = JSON.parse(await mycelium(pair.gateway, 'inspect', '--json', hub.nodePubkey));
  t.deepEqual(found, { publicKey: hub.nodePubkey, address: hub.nodeIp });
});
