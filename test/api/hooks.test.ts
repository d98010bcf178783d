import { chmodSync, existsSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { hypha, makeDirectory, placeAgent, RunningAgent } from '../cli/hypha.ts';
import { ask } from './ask.ts';
import { numbers, publish } from './hearing.ts';

const directory = makeDirectory();
test.after.always(() => directory.remove());

const alone = 'overlay = { listen = [] }\n';
const at = (name: string): string => join(directory.path, name);
const linesOf = (file: string): string[] => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []);

/** Looks whenever something in the directory of the tests changes. */
async function until(isSo: () => boolean): Promise<void> {
  if (isSo()) return;
  const watcher = watch(directory.path);
  await new Promise<void>((resolve) => {
    watcher.on('change', () => isSo() && resolve());
    if (isSo()) resolve();
  });
  watcher.close();
}

/** A program in sh; `$OUT` is its own file. */
function program(name: string, body: string): string {
  const file = at(`${name}.sh`);
  writeFileSync(file, `#!/bin/sh\nOUT=${at(`${name}.out`)}\n${body}\n`);
  chmodSync(file, 0o755);
  return file;
}

const hookOf = (name: string, file: string, more = ''): string =>
  `[[hook]]\nname = "${name}"\ntopic = "plant/#"\ncommand = ["${file}"]\n${more}`;

test('a hook command is run for each message, in order, with payload, topic and id', async (t) => {
  const file = program(
    'each',
    'printf "%s %s %s %s\\n" "$HYPHA_TOPIC" "$(cat)" "$HYPHA_ATTEMPT" "[$HYPHA_API_STOCK]" >>$OUT',
  );
  const agent = await RunningAgent.start(placeAgent(directory.path, 'each', alone + hookOf('each', file)), {
    HYPHA_API_STOCK: 'off',
  });
  t.teardown(() => agent.stop().then(() => undefined));
  await publish(agent, 'plant/7', numbers(1, 20));
  await publish(agent, 'elsewhere', ['no']);
  await until(() => linesOf(at('each.out')).length >= 20);
  t.deepEqual(
    linesOf(at('each.out')),
    numbers(1, 20).map((number) => `plant/7 ${number} 1 []`),
  );
  let text = '';
  while (!/^hypha_hook_total\{hook="each",result="done"\} 20$/m.test(text)) ({ text } = await ask(agent, '/metrics'));
  t.regex(text, /^hypha_hook_pending\{hook="each"\} 0$/m);
});

test('a hook that fails is tried again with the same message, the doctor knows why, and order is kept', async (t) => {
  const file = program(
    'fails',
    `input=$(cat); echo "$input" >>$OUT\n[ -e ${at('mended')} ] || { echo no printer >&2; exit 3; }`,
  );
  const agent = await RunningAgent.start(placeAgent(directory.path, 'fails', alone + hookOf('printer', file)));
  t.teardown(() => agent.stop().then(() => undefined));
  await publish(agent, 'plant/7', numbers(1, 3));
  await until(() => linesOf(at('fails.out')).length >= 2);
  t.deepEqual([...new Set(linesOf(at('fails.out')))], ['1']);
  const { stdout, code } = await agent.hypha(['doctor']);
  t.is(code, 1);
  t.regex(
    stdout,
    /WRONG {2}hook printer: \S+fails\.sh failed \d times? in \d+ s, 3 messages wait: exit code 3: no printer; mend/,
  );
  writeFileSync(at('mended'), '');
  await until(() => linesOf(at('fails.out')).at(-1) === '3');
  t.deepEqual([...new Set(linesOf(at('fails.out')))], ['1', '2', '3']);
  rmSync(at('mended'));
});

test('a hook that takes longer than it may is ended with all that it started; one that is not there is named', async (t) => {
  const file = program('hangs', `sleep 1000 & echo $! >>$OUT; wait`);
  const toml = `${hookOf('hangs', file, 'timeout = "1s"\n')}${hookOf('gone', at('no-such-program'))}`;
  const agent = await RunningAgent.start(placeAgent(directory.path, 'hangs', alone + toml));
  t.teardown(() => agent.stop().then(() => undefined));
  await publish(agent, 'plant/7', ['1']);
  await until(() => linesOf(at('hangs.out')).length >= 2);
  const [first] = linesOf(at('hangs.out'));
  t.false(/^[RSD]/.test(stateOf(first ?? '')), 'what it started has been ended');
  const { stdout } = await agent.hypha(['doctor']);
  t.regex(stdout, /hook hangs: .*still running after 1 s/);
  t.regex(stdout, /hook gone: .*ENOENT/);
});

const stateOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1] ?? '';
  } catch {
    return '';
  }
};

test('an agent killed while a hook runs runs it again for the same message, and then for all the others', async (t) => {
  const file = program('cut', `echo "$(cat)" >>$OUT\n[ -e ${at('go')} ] || sleep 20`);
  const place = placeAgent(directory.path, 'cut', alone + hookOf('cut', file));
  const agent = await RunningAgent.start(place);
  await publish(agent, 'plant/7', numbers(1, 10));
  await until(() => linesOf(at('cut.out')).length === 1);
  await agent.stop('SIGKILL');
  writeFileSync(at('go'), '');
  const again = await RunningAgent.start(place);
  await until(() => linesOf(at('cut.out')).at(-1) === '10');
  t.deepEqual(linesOf(at('cut.out')), ['1', ...numbers(1, 10)]);
  t.is(await again.stop(), 0);
});

test('an agent that stops ends the hook that runs, and the message is not lost', async (t) => {
  const file = program('stops', `echo "$(cat)" >>$OUT\n[ -e ${at('goes')} ] || sleep 1000`);
  const place = placeAgent(directory.path, 'stops', alone + hookOf('stops', file));
  const agent = await RunningAgent.start(place);
  await publish(agent, 'plant/7', ['1']);
  await until(() => linesOf(at('stops.out')).length === 1);
  t.is(await agent.stop(), 0);
  writeFileSync(at('goes'), '');
  const again = await RunningAgent.start(place);
  await until(() => linesOf(at('stops.out')).length === 2);
  t.deepEqual(linesOf(at('stops.out')), ['1', '1']);
  await again.stop();
});

test('a program behind a socket hears lines of JSON and acknowledges by line; unacknowledged ones come again after it fell', async (t) => {
  const socket = at('app.sock');
  const toml = `${alone}[[hook]]\nname = "app"\ntopic = "plant/#"\nsocket = "${socket}"\n`;
  const agent = await RunningAgent.start(placeAgent(directory.path, 'socket', toml));
  t.teardown(() => agent.stop().then(() => undefined));
  await publish(agent, 'plant/7', numbers(1, 6));
  const listen = async (count: number, done: (ids: string[], client: Socket) => void): Promise<string[]> => {
    const texts: string[] = [];
    const ids: string[] = [];
    let rest = '';
    const server = createServer();
    const all = new Promise<void>((resolve) => {
      server.on('connection', (client) => {
        client.on('error', () => undefined);
        client.on('data', (piece) => {
          const lines = (rest + piece.toString()).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) {
            const { id, payload } = JSON.parse(line);
            ids.push(id);
            texts.push(Buffer.from(payload, 'base64').toString());
          }
          if (ids.length < count) return;
          done(ids, client);
          resolve();
        });
      });
    });
    server.listen(socket);
    await all;
    server.close();
    return texts;
  };
  const first = await listen(6, (ids, client) => client.end(`${ids[1]}\n`));
  t.deepEqual(first, numbers(1, 6));
  await publish(agent, 'plant/7', ['7']);
  const second = await listen(5, (ids, client) => client.end(`{"id": "${ids[4]}"}\n`));
  t.deepEqual(second, numbers(3, 7));
  let text = '';
  while (!/^hypha_hook_pending\{hook="app"\} 0$/m.test(text)) ({ text } = await ask(agent, '/metrics'));
  t.pass();
});

for (const [what, toml, line] of [
  [
    'neither command nor socket',
    'name = "a"\ntopic = "a"\n',
    /hook\[0\].*: found neither command nor socket, wanted one of them/,
  ],
  [
    'both',
    'name = "a"\ntopic = "a"\nsocket = "/s"\ncommand = ["/c"]\n',
    /found command and socket, wanted one of them/,
  ],
  ['a path that is relative', 'name = "a"\ntopic = "a"\nsocket = "s"\n', /wanted a path that begins with "\/"/],
] as const) {
  test(`a hook with ${what} is refused`, async (t) => {
    const file = at(`refused-${what.length}.toml`);
    writeFileSync(file, `[[hook]]\n${toml}`);
    const { code, stderr } = await hypha(['check', file]);
    t.is(code, 78);
    t.regex(stderr, line);
  });
}
