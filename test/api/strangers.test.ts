import test from 'ava';
import { makeDirectory, placeAgent, RunningAgent } from '../cli/hypha.ts';
import { ask } from './ask.ts';

const directory = makeDirectory();
test.after.always(() => directory.remove());

test("a stranger's message is dropped and counted, and nobody is told of it", async (t) => {
  const hub = await RunningAgent.start(
    placeAgent(directory.path, 'hub', 'overlay = { listen = ["tcp://127.0.0.1:0"] }\n'),
  );
  const peers = `overlay = { listen = [], peers = ["tcp://${hub.doors['overlay']}"] }\n`;
  const stranger = await RunningAgent.start(placeAgent(directory.path, 'stranger', peers));
  const { publicKey } = JSON.parse((await hub.hypha(['id', '--json'])).stdout);
  const sent = await stranger.hypha(['send', publicKey, 'let me in']);
  t.is(sent.code, 0, sent.stderr);
  let dropped = 0;
  while (dropped === 0) {
    const { text } = await ask(hub, '/metrics');
    dropped = Number(/^hypha_dropped_total\{reason="unknown-sender"\} (\d+)$/m.exec(text)?.[1]);
  }
  t.is((await ask(hub, '/api/v1/messages')).status, 204);
  const waited = await stranger.hypha(['send', publicKey, 'please', '--wait', '--timeout', '1']);
  t.is(waited.code, 1);
  t.regex(waited.stderr, /^hypha: message [0-9a-f]{16}: found it (pending|sending) after 1 s, wanted it received\n$/);
  await Promise.all([hub.stop(), stranger.stop()]);
});
