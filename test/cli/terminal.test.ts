import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { program } from '../load/program.ts';
import { makeDirectory, placeAgent, RunningAgent } from './hypha.ts';

const directory = makeDirectory();
test.after.always(() => directory.remove());

const able = (() => {
  try {
    execFileSync('script', ['--version']);
    return true;
  } catch {
    return false;
  }
})();

(able ? test : test.skip)('an agent whose terminal is closed stops cleanly', async (t) => {
  const { config, data } = placeAgent(directory.path, 'terminal', 'overlay = { listen = [] }\n');
  const entry = fileURLToPath(new URL(`../../${program()}`, import.meta.url));
  const line = `exec '${process.execPath}' '${entry}' run --config '${config}' --data '${data}'`;
  // The pipe at 3 is held by the agent, and closes when it has ended.
  const terminal = spawn('script', ['-qec', line, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
  const ended = new Promise((resolve) => terminal.stdio[3]?.once('close', resolve));
  terminal.stdio[3]?.on('data', () => undefined);
  let said = '';
  await new Promise<void>((resolve) => {
    terminal.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (/ready mqtt=/.test(said)) resolve();
    });
  });
  const { pid } = JSON.parse(readFileSync(join(data, 'running.json'), 'utf8'));
  process.kill(pid, 'SIGHUP');
  const agent = await RunningAgent.start({ config, data: join(directory.path, 'other') });
  t.is(await agent.stop(), 0);
  t.true(existsSync(join(data, 'running.json')), 'a hang-up from elsewhere does not end it');
  terminal.kill('SIGKILL');
  await ended;
  t.false(existsSync(join(data, 'running.json')), 'it took its leave');
});

test('an agent whose log nobody reads any more stops all the same', async (t) => {
  const { config, data } = placeAgent(directory.path, 'unread', 'overlay = { listen = [] }\n');
  const args = [
    fileURLToPath(new URL(`../../${program()}`, import.meta.url)),
    'run',
    '--config',
    config,
    '--data',
    data,
  ];
  const agent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => agent.once('exit', resolve));
  await new Promise((resolve) => agent.stdout.once('data', resolve));
  agent.stdout.destroy();
  agent.kill('SIGTERM');
  t.is(await ended, 0);
});

test('an agent without a terminal, as under systemd, is not ended by SIGHUP, and says so in its help', async (t) => {
  const agent = await RunningAgent.start(placeAgent(directory.path, 'service', 'overlay = { listen = [] }\n'));
  process.kill(agent.pid, 'SIGHUP');
  t.is((await agent.hypha(['peers'])).code, 0);
  t.regex((await agent.hypha(['run', '--help'])).stdout, /SIGHUP when the terminal it was started on has been closed/);
  t.is(await agent.stop(), 0);
});
