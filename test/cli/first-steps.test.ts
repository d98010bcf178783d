import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { program } from '../load/program.ts';
import { hypha, makeDirectory, placeAgent, RunningAgent } from './hypha.ts';

/** What somebody sees who begins. */
const directory = makeDirectory();
test.after.always(() => directory.remove());

const alone = 'overlay = { listen = [] }\n';

test('where there is nothing to show, a line says so and what to do', async (t) => {
  const agent = await RunningAgent.start(placeAgent(directory.path, 'empty', alone));
  t.teardown(() => agent.stop().then(() => undefined));
  for (const [command, line] of [
    ['peers', 'No peer. What to do about it: hypha doctor'],
    ['routes', 'No route.'],
    ['links', 'No link. What goes to whom is a [[link]] in the configuration.'],
    ['contacts', 'No contact. Add one: hypha contacts add NAME KEY'],
  ] as const) {
    t.is((await agent.hypha([command])).stdout, `${line}\n`);
    t.is((await agent.hypha([command, '--json'])).stdout, '[]\n');
  }
  t.regex((await agent.hypha(['ring'])).stdout, /\nNo reader: neither a link nor a persistent session\.\n$/);
});

test('init prints what the other node is to be told, and where the key lies', async (t) => {
  const [config, data] = [join(directory.path, 'init.toml'), join(directory.path, 'init-data')];
  const { stdout } = await hypha(['init', '--name', 'gateway-7', '--config', config, '--data', data]);
  const key = /^public key +([0-9a-f]{64})$/m.exec(stdout)?.[1];
  t.true(stdout.includes(`\nOn the other node:  hypha contacts add gateway-7 ${key}\n`), stdout);
  t.true(stdout.includes(`\nstate          ${data} (identity.key in it is this node: keep a copy)\n`), stdout);
});

test('doctor tells when there is no configuration file and the defaults are used', async (t) => {
  const data = join(directory.path, 'none-data');
  const variables = { XDG_CONFIG_HOME: directory.path, HOME: directory.path };
  const asked = await hypha(['doctor', '--json', '--data', data], { variables });
  const [configuration] = JSON.parse(asked.stdout) as { found: string }[];
  t.regex(configuration?.found ?? '', /^none at \S+\/hypha\.toml: the defaults$/);
});

/** Whether a terminal can be made here: a bare root has `script` and no /dev/pts. */
const able = (() => {
  try {
    execFileSync('script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

(able ? test : test.skip)('on a terminal the line with ready comes once', async (t) => {
  const { config, data } = placeAgent(directory.path, 'terminal', alone);
  const entry = fileURLToPath(new URL(`../../${program()}`, import.meta.url));
  const line = `'${process.execPath}' '${entry}' run --config '${config}' --data '${data}'`;
  const child = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  let said = '';
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/ready mqtt=/.test(said)) resolve();
    });
    child.once('close', () => resolve());
  });
  process.kill(JSON.parse(readFileSync(join(data, 'running.json'), 'utf8')).pid, 'SIGTERM');
  await ended;
  t.deepEqual(said.match(/ready mqtt=/g), ['ready mqtt='], said);
  t.regex(said, /info {2}stopped/);
});
