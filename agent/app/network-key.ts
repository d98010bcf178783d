import { AgentError, type NetworkKey, Secret } from '#kernel';
import { keyFiles } from '#platform';
import type { Configuration } from './config/read.ts';

const keyBytes = 32;

/** The private network's name and key. `key/loose` when others may read the file; null: no private network. */
export async function openNetworkKey({ network }: Configuration['overlay']): Promise<NetworkKey | null> {
  if (network === undefined) return null;
  const bytes = await keyFiles.read(network.key_file);
  if (bytes?.length === keyBytes) return { name: network.name, key: new Secret(bytes) };
  const found = bytes === null ? 'nothing' : `${bytes.length} bytes`;
  const remedy = `copy it from another node of the network, or make one: head -c ${keyBytes} /dev/urandom`;
  const text = `${network.key_file}: found ${found}, wanted the network's key of exactly ${keyBytes} bytes; ${remedy}`;
  throw new AgentError('crypto/bad-key', 'reconfigure', text);
}
