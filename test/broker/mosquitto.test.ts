import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import { bench, until } from './kit.ts';

const installed = ((): boolean => {
  try {
    execFileSync('mosquitto_pub', ['--version'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    return (error as { code?: string }).code !== 'ENOENT';
  }
})();

if (!installed) console.log('skipped: mosquitto_pub and mosquitto_sub are not installed (Debian: mosquitto-clients)');

for (const version of ['311', '5'] as const) {
  const title = `Debian’s mosquitto clients talk to it (MQTT ${version}): every QoS, a session kept over a crash, a will`;
  (installed ? test : test.skip)(title, async (t) => {
    const at = await bench(t);
    const common = ['-h', '127.0.0.1', '-p', String(at.port), '-V', version];
    const publish = async (...more: readonly string[]): Promise<void> => {
      const [code] = await once(spawn('mosquitto_pub', [...common, ...more]), 'exit');
      t.is(code, 0);
    };
    const expiry = version === '5' ? ['-x', '1000'] : [];
    const subscribe = (count: number) => {
      const child = spawn('mosquitto_sub', [
        ...common,
        ...expiry,
        '-c',
        '-i',
        'hub',
        '-q',
        '2',
        '-t',
        'plant/#',
        '-C',
        String(count),
        '-v',
      ]);
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
      t.teardown(() => child.kill());
      return { ended: once(child, 'close').then(() => output) };
    };
    const first = subscribe(3);
    await until(() => at.broker.status.subscriptions === 1, 'the subscription');
    for (const qos of ['0', '1', '2']) await publish('-t', 'plant/a', '-m', `live ${qos}`, '-q', qos);
    t.is(await first.ended, 'plant/a live 0\nplant/a live 1\nplant/a live 2\n');
    for (const qos of ['1', '2']) await publish('-t', 'plant/b', '-m', `away ${qos}`, '-q', qos);
    await at.crash();
    await at.start();
    t.is(await subscribe(2).ended, 'plant/b away 1\nplant/b away 2\n');
    await until(() => at.broker.status.connections === 0, 'the subscriber to be gone');
    const doomed = spawn('mosquitto_sub', [
      ...common,
      '-t',
      'x',
      '--will-topic',
      'plant/will',
      '--will-payload',
      'gone',
      '--will-qos',
      '1',
    ]);
    await until(() => at.broker.status.connections === 1, 'the doomed client');
    doomed.kill('SIGKILL');
    t.is(await subscribe(1).ended, 'plant/will gone\n');
  });
}
