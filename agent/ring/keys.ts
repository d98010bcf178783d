import type { AtRestKey } from '#crypto';
import { AgentError } from '#kernel';

/** Keys of what lies on the disk: one to write with (null: plain), those and older ones to read with. */
export interface RingKeys {
  readonly writing: AtRestKey | null;
  readonly reading: readonly AtRestKey[];
}

export const noKeys: RingKeys = { writing: null, reading: [] };

export const keyWith = (keys: RingKeys, id: string): AtRestKey | undefined =>
  keys.writing?.id === id ? keys.writing : keys.reading.find((key) => key.id === id);

/** What was found under a key that nobody gave. Nothing has been changed. */
export function missingKey(where: string, id: string, keys: RingKeys): AgentError {
  const known = [...new Set([keys.writing, ...keys.reading].flatMap((key) => (key === null ? [] : [key.id])))];
  const found = known.length === 0 ? 'no key' : `key ${known.join(', ')}`;
  const text = `ring: ${where} is encrypted under key ${id}, found ${found}; give its file in ring.encrypt (key_file or old_key_files)`;
  return new AgentError('ring/key', 'reconfigure', text);
}
