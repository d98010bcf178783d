import { readFile, rm, writeFile } from 'node:fs/promises';
import { arch, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Configuration } from '#app';
import { messageOf } from '#kernel';
import type { SeenPacket } from '#overlay';
import { tryAsk } from '../client.ts';
import { CommandError, exitCodes } from '../exit.ts';
import type { Places } from '../paths.ts';
import { version } from '../version.ts';
import type { Finding } from './finding.ts';
import { ringKeyFiles } from './here.ts';
import { redacted, secretsIn } from './redact.ts';
import { tar } from './tar.ts';

const asked = ['id', 'status', 'peers', 'routes', 'routes/queried', 'links', 'ring', 'contacts'];

/**
 * An archive for those who help: what the agent shows, the settings, and the findings. No secret goes in: settings are
 * redacted, of packets only what their headers say; and before anything is written it is searched for the keys on disk.
 */
export async function writeBundle(
  file: string,
  places: Places,
  settings: Configuration | null,
  findings: readonly Finding[],
): Promise<void> {
  const texts = new Map<string, string>();
  const put = (name: string, value: unknown): void => void texts.set(`hypha/${name}.json`, asText(value));
  const node = process.version;
  put('machine', { version, node, platform: platform(), release: release(), arch: arch(), memory: totalmem() });
  put(
    'doctor',
    findings.map(({ found, ...rest }) => ({ ...rest, found: rest.cause === 'configuration' ? '-' : found })),
  );
  put('settings', settings === null ? null : redacted(settings));
  for (const part of asked) put(part.replace('/', '-'), redacted(await answerOf(places, `/hypha/v1/${part}`)));
  put('packets', headersOnly(await answerOf(places, '/hypha/v1/packets?limit=1024')));
  await refuseSecrets([...texts.values()], places, settings);
  try {
    await rm(file, { force: true });
    await writeFile(file, gzipSync(tar(texts)), { mode: 0o600 });
  } catch (error) {
    throw new CommandError(exitCodes.io, `--bundle ${file}: ${messageOf(error)}, wanted a file that can be written`);
  }
}

const asText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Null when no agent answers: a bundle of a broken agent is worth having, too. */
async function answerOf({ data }: Places, path: string): Promise<unknown> {
  return tryAsk(data, 'GET', path).then(
    (answer) => answer?.body ?? null,
    () => null,
  );
}

/** The 40 bytes in front of what is sealed; control packets whole. */
function headersOnly(packets: unknown): unknown {
  if (!Array.isArray(packets)) return null;
  return (packets as readonly SeenPacket[]).map(({ head, ...rest }) => ({
    ...rest,
    head: head.startsWith('0100') ? head.slice(0, 80) : head,
  }));
}

/** The last wall: whatever else went wrong, no key leaves. */
async function refuseSecrets(texts: readonly string[], places: Places, settings: Configuration | null): Promise<void> {
  const network = settings?.overlay.network?.key_file;
  const files = [
    join(places.data, 'identity.key'),
    join(places.data, 'api.token'),
    ...ringKeyFiles(places.data, settings),
    ...(network === undefined ? [] : [network]),
  ];
  const keys = await Promise.all(files.map((path) => readFile(path).catch(() => null)));
  const secrets = keys.filter((key) => key !== null);
  if (texts.some((text) => secretsIn(text, secrets))) {
    throw new CommandError(exitCodes.bug, '--bundle: found a key in what was gathered, wrote nothing; report this');
  }
}
