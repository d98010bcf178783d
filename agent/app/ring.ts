import { AtRestKey, atRestKeyBytes } from '#crypto';
import { AgentError, type Duration, isAgentError, milliseconds, type Random } from '#kernel';
import { keyFiles } from '#platform';
import type { LaneName, LaneOptions, RingKeys, RingOptions } from '#ring';
import type { Configuration } from './config/read.ts';

type Settings = Configuration['ring'];

/** The ring under a data directory, as `[ring]` wants it. `random`: makes the key if there is none yet; null: does not. */
export async function ringOptions(ring: Settings, data: string, random: Random | null): Promise<RingOptions> {
  const { size, full, commit, write_budget, compress, encrypt } = ring;
  return {
    directory: `${data}/ring`,
    sizeBytes: size,
    full,
    commitWindow: commit,
    lanes: lanesOf(ring),
    writeBytesPerDay: write_budget ?? null,
    compress,
    keys: await keysOf(encrypt, `${data}/ring.key`, random),
  };
}

/** Urgent records are committed at once unless told otherwise: nobody else's window is theirs. */
function lanesOf({ urgent, normal, bulk, commit, full }: Settings): Record<LaneName, LaneOptions> {
  const of = (lane: Settings['bulk'], window: Duration): LaneOptions => ({
    commitWindow: lane?.commit ?? window,
    sizeBytes: lane?.size ?? null,
    full: lane?.full ?? full,
  });
  return { urgent: of(urgent, milliseconds(0)), normal: of(normal, commit), bulk: of(bulk, commit) };
}

/** The key beside the identity is read wherever the new one lies: what was written under it may still wait. */
async function keysOf(encrypt: Settings['encrypt'], own: string, random: Random | null): Promise<RingKeys> {
  const wanted = typeof encrypt === 'object' ? encrypt : { key_file: undefined, old_key_files: [] };
  const older = await Promise.all(wanted.old_key_files.map((file) => keyOf(file)));
  if (encrypt === true) return { writing: (await keyIn(own)) ?? (await newKey(own, random)), reading: older };
  const beside = await keyIn(own);
  const reading = beside === null ? older : [...older, beside];
  return { writing: wanted.key_file === undefined ? null : await keyOf(wanted.key_file), reading };
}

async function keyOf(file: string): Promise<AtRestKey> {
  const key = await keyIn(file);
  if (key !== null) return key;
  const text = `${file}: found nothing, wanted the ring's key; bring it back (is its medium mounted?), or make one: head -c ${atRestKeyBytes} /dev/urandom`;
  throw new AgentError('ring/key', 'reconfigure', text);
}

async function keyIn(file: string): Promise<AtRestKey | null> {
  const bytes = await keyFiles.read(file);
  if (bytes === null) return null;
  try {
    return new AtRestKey(bytes);
  } catch (error) {
    if (!isAgentError(error, 'crypto/bad-key')) throw error;
    const text = `${file}: found ${bytes.length} bytes, wanted a key of ${atRestKeyBytes}; restore it or move it away`;
    throw new AgentError(error.code, error.remedy, text, error);
  }
}

async function newKey(file: string, random: Random | null): Promise<AtRestKey> {
  if (random === null) return keyOf(file);
  const bytes = random.bytes(atRestKeyBytes);
  await keyFiles.write(file, bytes);
  return new AtRestKey(bytes);
}
