import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { makeDirectory, placeAgent, RunningAgent } from './hypha.ts';

const directory = makeDirectory();
test.after.always(() => directory.remove());

const here = (program: string): boolean => {
  try {
    execFileSync('/bin/sh', ['-c', `command -v ${program}`]);
    return true;
  } catch {
    return false;
  }
};

const able = here('socat') && here('systemd-notify');
(able ? test : test.skip)('systemd is told READY=1 when every part serves', async (t) => {
  const socket = join(directory.path, 'notify');
  const receiver = spawn('socat', ['-u', `UNIX-RECV:${socket}`, 'STDOUT'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ready = new Promise<void>((resolve) => {
    let said = '';
    receiver.stdout.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes('READY=1')) resolve();
    });
  });
  const place = placeAgent(directory.path, 'notified', 'overlay = { listen = [] }\n');
  const agent = await RunningAgent.start(place, { NOTIFY_SOCKET: socket });
  await ready;
  t.is(await agent.stop(), 0);
  receiver.kill();
});
