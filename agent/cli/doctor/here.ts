import { access, constants, stat, statfs } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import type { Configuration } from '#app';
import { messageOf } from '#kernel';
import type { Places } from '../paths.ts';
import type { Finding } from './finding.ts';
import { fine, wrong } from './finding.ts';

/** What can be looked at without a running agent. */

/** Below this much room a commit may not fit. */
const leastFreeBytes = 16 * 1024 * 1024;

export async function keyFindings({ data }: Places, settings: Configuration | null): Promise<Finding[]> {
  const network = settings?.overlay.network?.key_file;
  const own = [join(data, 'identity.key'), join(data, 'api.token'), ...ringKeyFiles(data, settings)];
  const files = [...own, ...(network === undefined ? [] : [network])];
  const found = await Promise.all(files.map(modeOf));
  const loose = files.flatMap((file, index) => {
    const mode = found[index] ?? null;
    if (mode === null || (mode & 0o077) === 0) return [];
    const text = `mode ${mode.toString(8).padStart(4, '0')}, wanted 0600: others may read it`;
    return [wrong(`key ${file}`, 'key-loose', text, `chmod 600 ${file}`)];
  });
  if (loose.length > 0) return loose;
  const kept = found.filter((mode) => mode !== null).length;
  return [fine('keys', kept === 0 ? 'none yet; the first start makes them' : 'readable by their owner alone')];
}

/** Keys that the ring is, or was, encrypted under. */
export function ringKeyFiles(data: string, settings: Configuration | null): string[] {
  const encrypt = settings?.ring.encrypt;
  const named = typeof encrypt === 'object' ? [encrypt.key_file ?? [], encrypt.old_key_files].flat() : [];
  return [join(data, 'ring.key'), ...named];
}

async function modeOf(path: string): Promise<number | null> {
  return stat(path).then(
    ({ mode }) => mode & 0o777,
    () => null,
  );
}

export async function diskFindings({ data }: Places): Promise<Finding[]> {
  const at = await nearest(data);
  try {
    await access(at, constants.W_OK);
  } catch (error) {
    return [
      wrong(
        'disk',
        'disk-denied',
        `${at}: ${messageOf(error)}`,
        'run as the owner of the directory, or give another with --data',
      ),
    ];
  }
  const { bavail, bsize } = await statfs(at);
  const free = bavail * bsize;
  if (free >= leastFreeBytes) return [fine('disk', `${Math.floor(free / 1_048_576)} MB free at ${at}`)];
  const text = `${Math.floor(free / 1024)} kB free at ${at}, wanted ${leastFreeBytes / 1024} at least`;
  return [wrong('disk', 'disk-full', text, 'make room on it, or give another directory with --data')];
}

/** The directory itself, or the first above it that is there. */
async function nearest(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) {
    const isThere = await stat(at).then(
      () => true,
      () => false,
    );
    if (isThere || at === dirname(at)) return at;
  }
}

/** No decision hangs on the wall clock; times that are shown do. */
export function clockFindings(nowMs: number, builtMs: number): Finding[] {
  if (nowMs >= builtMs) return [fine('clock', 'set')];
  const found = `${new Date(nowMs).toISOString().slice(0, 16)}Z, before this program was made`;
  const remedy = 'nothing is lost by it, but times shown are wrong: start a time service';
  return [{ subject: 'clock', state: 'note', cause: 'clock', found, remedy }];
}

/** For an agent that does not run: may it have its ports? */
export async function portFindings(settings: Configuration): Promise<Finding[]> {
  const wanted = [
    ...settings.mqtt.listen.map((at) => ['mqtt', at] as const),
    ...settings.api.listen.map((at) => ['api', at] as const),
    ...settings.api.rpc.map((at) => ['rpc', at] as const),
    ...(settings.overlay.daemon === undefined ? settings.overlay.listen : []).map((at) => ['overlay', at] as const),
  ].filter(([, { port }]) => port !== 0);
  const found = await Promise.all(wanted.map(([part, { host, port }]) => portFinding(part, host, port)));
  const bad = found.filter((finding) => finding !== null);
  return bad.length > 0 ? bad : [fine('ports', 'free')];
}

function portFinding(part: string, host: string, port: number): Promise<Finding | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => {
      const isTaken = 'code' in error && error.code === 'EADDRINUSE';
      const remedy = isTaken ? 'stop the other program or set another port' : 'set another address';
      const text = isTaken ? 'taken by another program' : messageOf(error);
      resolve(wrong(`port ${host}:${port} (${part})`, isTaken ? 'port-in-use' : 'port', text, remedy));
    });
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}

/** The stock daemon that this agent is to work with. */
export function daemonFinding(url: string): Promise<Finding> {
  const bad = (found: string): Finding =>
    wrong(
      `daemon ${url}`,
      'daemon-unreachable',
      found,
      'start the daemon, or set overlay.daemon to where its API listens',
    );
  return new Promise((resolve) => {
    const asked = request(new URL('/api/v1/admin', url), { timeout: 3000 }, (answer) => {
      answer.resume();
      resolve(
        answer.statusCode === 200 ? fine(`daemon ${url}`, 'answers') : bad(`answers with status ${answer.statusCode}`),
      );
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer in 3 s')));
    asked.once('error', (error) => resolve(bad(messageOf(error))));
    asked.end();
  });
}
