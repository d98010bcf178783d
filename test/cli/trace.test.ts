import anyTest, { type TestFn } from 'ava';
import { ask, bearer } from '../api/ask.ts';
import { freePort, Stock, stockBinary } from '../interop/stock.ts';
import { makeDirectory, placeAgent, RunningAgent } from './hypha.ts';
import { makeKey, startLine } from './line.ts';

interface Report {
  readonly kind: string;
  readonly why?: string;
  readonly hop?: number;
  readonly name?: string | null;
  readonly roundTripsMs?: readonly number[];
  readonly cost?: number | null;
}

const directory = makeDirectory();
const test = anyTest as TestFn;
let line: RunningAgent[] = [];

test.before(async () => {
  line = await startLine(directory.path, ['left', 'middle', 'right']);
});
test.after.always(async () => {
  await Promise.all(line.map((agent) => agent.stop()));
  directory.remove();
});

const at = (index: number): RunningAgent => line[index] as RunningAgent;

test.serial('a trace names every router of a line, with its round trips and what the way to it costs', async (t) => {
  const traced = await at(0).hypha(['trace', 'right', '--json']);
  t.is(traced.code, 0, traced.stderr);
  const reports: Report[] = JSON.parse(traced.stdout);
  t.deepEqual(
    reports.map(({ kind, name, hop, why }) => [kind, name ?? hop ?? why]),
    [
      ['route', 'right'],
      ['hop', 'middle'],
      ['hop', 'right'],
      ['end', 'reached'],
    ],
  );
  const hops = reports.filter(({ kind }) => kind === 'hop');
  t.true(hops.every(({ roundTripsMs }) => roundTripsMs?.length === 3));
  t.true((hops[0]?.cost ?? 0) < (hops[1]?.cost ?? 0), 'the farther, the dearer');
});

test.serial('on a screen a trace is a table of 80 columns at most', async (t) => {
  const { code, stdout } = await at(2).hypha(['trace', 'left']);
  t.is(code, 0);
  t.regex(stdout, /^left by tcp:\S+, cost \d+\nHOP +NODE +ADDRESS +ROUND TRIP +COST\n +1 +middle .*\n +2 +left .*\n$/);
  t.true(stdout.split('\n').every((row) => row.length <= 80));
});

test.serial('a trace to this node itself is there at once, one to nobody ends with a line', async (t) => {
  const self = await at(0).hypha(['trace', 'left', '--json']);
  t.deepEqual(JSON.parse(self.stdout), [{ kind: 'end', why: 'reached' }]);
  const nobody = await at(0).hypha(['trace', 'nobody']);
  t.is(nobody.code, 1);
  t.is(nobody.stderr, 'hypha: to: found "nobody", wanted a contact (hypha contacts), a public key or an address\n');
  for (const [option, value] of [
    ['--hops', '0'],
    ['--hops', 'x'],
    ['--timeout', '99'],
  ] as const) {
    const wrong = await at(0).hypha(['trace', 'right', option, value]);
    t.is(wrong.code, 2);
    t.regex(wrong.stderr, /^hypha: --\w+: found "\w+", wanted a whole number from 1 to \d+\n$/);
  }
});

test.serial('--hops ends a trace early, and says how to go on', async (t) => {
  const short = await at(0).hypha(['trace', 'right', '--hops', '1']);
  t.is(short.code, 1);
  t.regex(short.stderr, /^hypha: trace right: found routers up to the last hop asked, .* --hops\n$/);
});

test.serial('only so many traces run at once, and one whose reader leaves makes room', async (t) => {
  const path = '/hypha/v1/trace?to=5714769d116bf76436ae74bc793d2c30ad1903c59ac5273805c7e2698b410c36';
  const headers = bearer(at(0));
  const waiting = Array.from({ length: 9 }, () => ask(at(0), path, { headers, until: /event: end|error/ }));
  const answers = await Promise.all(waiting);
  t.is(answers.filter(({ status }) => status === 503).length, 1);
  t.is(answers.filter(({ text }) => text.includes('"why":"no-route"')).length, 8);
  t.is((await ask(at(0), path)).status, 401, 'who has no token cannot make this node send packets');
});

test.serial('the last packets are a table; each is explained by its number', async (t) => {
  const shown = await at(1).hypha(['dump', '--last', '200']);
  t.is(shown.code, 0, shown.stderr);
  t.regex(shown.stdout, /^# +AGO +WAY +PEER +PACKET +BYTES\n/);
  const packets = JSON.parse((await at(1).hypha(['dump', '--last', '1024', '--json'])).stdout);
  const kinds = new Set(packets.map(({ what }: { what: string }) => what));
  for (const what of ['hello', 'ihu', 'update', 'data']) t.true(kinds.has(what), what);
  const data = packets.find(({ what }: { what: string }) => what === 'data');
  const explained = await at(1).hypha(['dump', '--packet', String(data.number)]);
  t.is(explained.code, 0, explained.stderr);
  t.regex(explained.stdout, /data\.destination/);
  const gone = await at(1).hypha(['dump', '--packet', '999999']);
  t.is(gone.code, 1);
});

test.serial('who watches hears of links that come and go, and the routes show what they cost', async (t) => {
  const watching = ask(at(1), '/hypha/v1/events', { until: /"state":"down"/ });
  const peers = `overlay = { listen = [], peers = ["tcp://${at(1).doors['overlay']}"] }\n`;
  const guest = await RunningAgent.start(placeAgent(directory.path, 'guest', peers));
  const routes = JSON.parse((await guest.hypha(['routes', '--json'])).stdout);
  t.is(routes.length, 1, 'the neighbour alone, until more is asked for');
  t.true(routes[0].selected && routes[0].cost > routes[0].metric && routes[0].expiresInMs > 0);
  await guest.hypha(['trace', '4b8:1b60:2009:1b61::1', '--hops', '1']);
  t.regex(
    (await guest.hypha(['routes', '--queried'])).stdout,
    /^4b8:1b60:2009:1b61::\/64: asked for, .* left to answer\n/,
  );
  await guest.stop();
  const { text } = await watching;
  t.regex(text, /event: peer\ndata: \{"kind":"peer","peer":"tcp:\S+","link":"inbound","state":"up","why":null/);
  t.regex(text, /event: peer\ndata: .*"state":"down","why":"[^"]+","stoodForMs":\d+\}/);
});

const interop = stockBinary === undefined ? test.skip : test.serial;

interop('a stock router on the way answers a trace like ours', async (t) => {
  const key = await makeKey(directory.path, 'far');
  const stockPort = await freePort();
  const stock = new Stock([stockPort, await freePort(), await freePort()], [], Buffer.alloc(32, 9));
  await stock.run();
  t.teardown(() => stock.stop());
  const peers = `overlay = { listen = [], peers = ["tcp://127.0.0.1:${stockPort}"] }\n`;
  const near = await RunningAgent.start(placeAgent(directory.path, 'near', `${peers}contacts = { far = "${key}" }\n`));
  const far = await RunningAgent.start(placeAgent(directory.path, 'far', peers));
  t.teardown(() => Promise.all([near.stop(), far.stop()]).then(() => undefined));
  const traced = await near.hypha(['trace', 'far', '--json']);
  t.is(traced.code, 0, traced.stderr + traced.stdout);
  const hops = (JSON.parse(traced.stdout) as Report[]).filter(({ kind }) => kind === 'hop');
  t.is(hops.length, 2);
  t.is(hops[1]?.name, 'far');
  t.log(`through stock: ${hops.map(({ roundTripsMs }) => Math.min(...(roundTripsMs ?? [])).toFixed(1)).join(', ')} ms`);
});
