import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ProxyServer, Secret } from '#kernel';
import { freePort, waitMs } from './stock.ts';

const isHere = (command: string): boolean => spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;

/** Proxies of others, where they are installed (Debian: microsocks, tinyproxy-bin). */
export const hasMicrosocks = isHere('microsocks');
export const hasTinyproxy = isHere('tinyproxy');

interface Login {
  readonly user: string;
  readonly password: string;
}

interface Cleanup {
  teardown(run: () => void): unknown;
}

export const credentialsOf = ({ user, password }: Login) => ({ user, password: new Secret(Buffer.from(password)) });

export async function microsocks(t: Cleanup, login?: Login): Promise<ProxyServer> {
  const port = await freePort();
  const auth = login === undefined ? [] : ['-u', login.user, '-P', login.password];
  run(t, 'microsocks', ['-i', '127.0.0.1', '-p', `${port}`, ...auth]);
  await listening(port);
  return { kind: 'socks5', host: '127.0.0.1', port, credentials: login === undefined ? null : credentialsOf(login) };
}

export async function tinyproxy(t: Cleanup, login?: Login): Promise<ProxyServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'hypha-proxy-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const auth = login === undefined ? '' : `BasicAuth ${login.user} ${login.password}\n`;
  const file = join(folder, 'conf');
  writeFileSync(file, `Port ${port}\nListen 127.0.0.1\nTimeout 60\nMaxClients 50\nLogLevel Critical\n${auth}`);
  run(t, 'tinyproxy', ['-d', '-c', file]);
  await listening(port);
  return { kind: 'http', host: '127.0.0.1', port, credentials: login === undefined ? null : credentialsOf(login) };
}

function run(t: Cleanup, command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

async function listening(port: number): Promise<void> {
  const tries = (): Promise<boolean> =>
    new Promise((resolve) => {
      const probe = connect(port, '127.0.0.1', () => {
        probe.destroy();
        resolve(true);
      });
      probe.once('error', () => resolve(false));
    });
  while (!(await tries())) await waitMs(20);
}
