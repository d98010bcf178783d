import { type Identity, identityOf, secretKeyBytes } from '#crypto';
import { AgentError, isAgentError, type Random, Secret } from '#kernel';
import { keyFiles } from '#platform';

const identityFile = (data: string): string => `${data}/identity.key`;
const tokenFile = (data: string): string => `${data}/api.token`;

/** The node's identity, or null before the first start. `key/loose` when others may read the file. */
export async function findIdentity(data: string): Promise<Identity | null> {
  const bytes = await keyFiles.read(identityFile(data));
  return bytes === null ? null : identityFrom(bytes, identityFile(data));
}

/** The node's identity, made on first use: 32 random bytes, as a stock key file. The directory must exist. */
export async function openIdentity(data: string, random: Random): Promise<Identity> {
  const found = await findIdentity(data);
  if (found !== null) return found;
  const bytes = random.bytes(secretKeyBytes);
  await keyFiles.write(identityFile(data), bytes);
  return identityOf(bytes);
}

/** The text that local programs show to command the agent, made on first use. */
export async function openToken(data: string, random: Random): Promise<Secret> {
  const found = await keyFiles.read(tokenFile(data));
  const text = found === null ? '' : Buffer.from(found).toString().trim();
  if (/^[0-9a-zA-Z]{32,}$/.test(text)) return new Secret(Buffer.from(text));
  const made = Buffer.from(random.bytes(32)).toString('hex');
  await keyFiles.write(tokenFile(data), Buffer.from(`${made}\n`));
  return new Secret(Buffer.from(made));
}

function identityFrom(bytes: Uint8Array, file: string): Identity {
  try {
    return identityOf(bytes);
  } catch (error) {
    if (!isAgentError(error, 'crypto/bad-key')) throw error;
    const text = `${file}: found ${bytes.length} bytes, wanted a key of ${secretKeyBytes}; restore it or move it away`;
    throw new AgentError(error.code, error.remedy, text, error);
  }
}
