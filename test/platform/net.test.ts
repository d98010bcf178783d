import { execFileSync } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { realNet } from '#platform';
import { netContract, Recorder } from '../contracts/net.ts';
import { unusedPort } from '../contracts/unused-port.ts';

async function until(done: () => boolean): Promise<void> {
  while (!done()) await setImmediate();
}

const deaf = await unusedPort();

for (const host of ['127.0.0.1', '::1'])
  netContract(test, `tcp ${host}`, () => ({
    net: realNet,
    local: { host, port: 0 },
    deaf: { host, port: deaf },
    until,
  }));

test('a port that no machine has ends the link and does not throw', async (t) => {
  const end = new Recorder();
  end.watch(() => realNet.dial({ host: '127.0.0.1', port: 70_000 }, end));
  await until(() => end.isClosed);
  t.false(end.calledInside);
  t.like(end.cause, { code: 'net/bad-port', remedy: 'reconfigure' });
});

test('an unknown name ends the link with net/unknown-host', async (t) => {
  const end = new Recorder();
  realNet.dial({ host: 'no-such-host.invalid', port: 1 }, end);
  await until(() => end.isClosed);
  t.like(end.cause, { code: 'net/unknown-host', remedy: 'retry' });
});

test('a start that uses no TLS does not load it', (t) => {
  const room = new URL('../../agent/platform/tls.ts', import.meta.url);
  const program = `import '${room}'; console.log(process.moduleLoadList.includes('NativeModule tls'))`;
  t.is(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }), 'false\n');
});
