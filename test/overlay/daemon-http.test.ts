import { createServer, type Server, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { isAgentError, milliseconds, seconds } from '#kernel';
import { realNet, systemClock } from '#platform';
import { AnswerReader } from '../../agent/overlay/daemon/http/answer-reader.ts';
import { HttpClient } from '../../agent/overlay/daemon/http/http-client.ts';
import { arrivingLength } from '../../agent/overlay/daemon/outbox.ts';
import { parseInfo, parseMessage, parsePeers, parseRoutes, parseState } from '../../agent/overlay/daemon/shapes.ts';
import { StockApi } from '../../agent/overlay/daemon/stock-api.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** What a stock daemon (0.7.10) answered, byte for byte but for the date. */
const stocks = {
  info: `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 197\r\ndate: Mon, 23 Nov 2026 21:24:50 GMT\r\n\r\n{"nodeSubnet":"50d:d305:88a5:e869::/64","nodeIp":"50d:d305:88a5:e869:8eb0:7f46:1335:2b4b","nodePubkey":"055d57c71391a916d74229146108404c74f98a51a75534d64c04b777fc65f922","nodeStartTime":1795469089}`,
  nothing: 'HTTP/1.1 204 No Content\r\ndate: Mon, 23 Nov 2026 21:24:56 GMT\r\n\r\n',
  created: 'HTTP/1.1 201 Created\r\ncontent-length: 0\r\ndate: Mon, 23 Nov 2026 21:24:56 GMT\r\n\r\n',
};

/** Feeds it in pieces that end at the cuts. */
function readAll(text: string, cuts: readonly number[], limitBytes = 10_000) {
  const reader = new AnswerReader();
  reader.begin(limitBytes);
  const whole = bytes(text);
  const ends = [...new Set(cuts.map((cut) => cut % whole.length)), whole.length].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    const answer = start === end ? null : reader.feed(whole.subarray(start, end));
    if (answer !== null) return { ...answer, body: Buffer.from(answer.body).toString() };
    start = end;
  }
  return null;
}

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (isAgentError(error)) return error.code;
    throw error;
  }
  return 'taken';
};

test("a stock daemon's answers are read whole, wherever the network cuts them", (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(2000), { maxLength: 9 }), (cuts) => {
      t.like(readAll(stocks.info, cuts), { status: 200, isLast: false });
      t.is(readAll(stocks.info, cuts)?.body.length, 197);
      t.deepEqual(readAll(stocks.nothing, cuts), { status: 204, body: '', isLast: false });
      t.deepEqual(readAll(stocks.created, cuts), { status: 201, body: '', isLast: false });
      const chunked =
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nx: y\r\n\r\n';
      t.is(readAll(chunked, cuts)?.body, 'abcde');
      t.like(readAll('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 No\r\ncontent-length: 0\r\n\r\n', cuts), {
        status: 404,
        isLast: true,
      });
    }),
  );
});

test('an answer without a length ends with its link', (t) => {
  const reader = new AnswerReader();
  reader.begin(100);
  t.is(reader.feed(bytes('HTTP/1.1 200 OK\r\n\r\nall of ')), null);
  t.is(reader.feed(bytes('it')), null);
  t.is(Buffer.from(reader.end()?.body ?? []).toString(), 'all of it');
});

for (const [what, text, code] of [
  ['a length over the limit', 'HTTP/1.1 200 OK\r\ncontent-length: 10001\r\n\r\n', 'daemon/too-large'],
  ['chunks over the limit', `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2711\r\n`, 'daemon/too-large'],
  ['a body over the limit', `HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(10_001)}`, 'daemon/too-large'],
  ['a head over 16 KiB', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(17_000)}`, 'daemon/answer'],
  ['a chunk without a size', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n', 'daemon/answer'],
  [
    'an endless size of a chunk',
    `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${'0'.repeat(2000)}`,
    'daemon/answer',
  ],
  ['another coding', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n', 'daemon/answer'],
  ['a length that is none', 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n', 'daemon/answer'],
  ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 'daemon/answer'],
  ['a header without a colon', 'HTTP/1.1 200 OK\r\nnonsense\r\n\r\n', 'daemon/answer'],
  ['bytes behind the answer', `${stocks.created}x`, 'daemon/answer'],
] as const) {
  test(`${what} is refused`, (t) =>
    t.is(
      codeOf(() => readAll(text, [])),
      code,
    ));
}

test('whatever a daemon says is taken or refused, never thrown over', (t) => {
  const parsers = [parseInfo, parseMessage, parsePeers, parseRoutes, parseState];
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (json, text) => {
      for (const parse of parsers) codeOf(() => parse(json));
      codeOf(() => readAll(text === '' ? 'H' : text, []));
      codeOf(() => readAll(`HTTP/1.1 200 OK\r\n${text}\r\n\r\n`, []));
      t.pass();
    }),
  );
});

test('the length that arrives is never shorter, at most 249 longer, and leaves no last chunk of 1 to 249 bytes', (t) => {
  fc.assert(
    fc.property(fc.nat(2_000_000), (length) => {
      const found = arrivingLength(length);
      t.true(found >= length && found - length < 250);
      t.true(found <= 1300 || found % 1300 === 0 || found % 1300 >= 250);
      t.is(arrivingLength(found), found);
    }),
  );
});

/** A server that answers every request as told. */
async function serve(t: ExecutionContext, answer: (request: string, socket: Socket) => void): Promise<Server> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) => answer(data.toString(), socket));
  });
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function clientOf(t: ExecutionContext, server: Server, patience = seconds(20)): HttpClient {
  const at = server.address();
  const port = at !== null && typeof at === 'object' ? at.port : 0;
  const client = new HttpClient(realNet, systemClock(), { host: '127.0.0.1', port }, patience);
  t.teardown(() => client.close());
  return client;
}

test('requests go over kept links, at most four, each answered by its own answer', async (t) => {
  const links = new Set<Socket>();
  const server = await serve(t, (request, socket) => {
    links.add(socket);
    const path = request.split(' ')[1] ?? '';
    setImmediate(() => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${path.length}\r\n\r\n${path}`));
  });
  const client = clientOf(t, server);
  const ask = (path: string) => client.ask({ method: 'GET', path, body: null, limitBytes: 100 });
  const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => ask(`/${index}`)));
  t.deepEqual(
    answers.map(({ body }) => Buffer.from(body).toString()),
    Array.from({ length: 100 }, (_, index) => `/${index}`),
  );
  t.true(links.size <= 4);
  t.is(client.requests, 100);
});

test('more requests than may wait are refused at once; those that wait are when the links are dropped', async (t) => {
  const server = await serve(t, () => undefined);
  const client = clientOf(t, server);
  const ask = () =>
    client.ask({ method: 'GET', path: '/', body: null, limitBytes: 1 }).catch((error: { code: string }) => error.code);
  const asked = Array.from({ length: 300 }, ask);
  const refused = await Promise.all(asked.slice(260));
  t.deepEqual([...new Set(refused)], ['daemon/busy']);
  client.drop();
  t.deepEqual([...new Set(await Promise.all(asked))].sort(), ['daemon/busy', 'daemon/unreachable']);
});

test('a daemon that is silent, hangs up or talks nonsense is told apart', async (t) => {
  const answers: Readonly<Record<string, (socket: Socket) => void>> = {
    '/api/v1/admin': (socket) => socket.write(stocks.info),
    '/api/v1/messages/topics/default': (socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}'),
    '/api/v1/messages/topics': (socket) => socket.destroy(),
    '/api/v1/admin/peers': (socket) => socket.write('HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n'),
  };
  const server = await serve(t, (request, socket) => answers[request.split(' ')[1] ?? '']?.(socket));
  const api = new StockApi(clientOf(t, server, milliseconds(2000)));
  t.is((await api.info()).startTime, 1795469089);
  const code = (asked: Promise<unknown>) =>
    asked.then(
      () => 'answered',
      (error: { code: string }) => error.code,
    );
  t.is(await code(api.acceptsOthers()), 'daemon/answer');
  t.is(await code(api.topics()), 'daemon/unreachable');
  t.is(await code(api.peers()), 'daemon/answer');
  t.is(await code(api.routes('selected')), 'daemon/silent');
});
