import { isAgentError, type Log } from '#kernel';
import { parseSubnet } from './shapes.ts';
import type { StockApi } from './stock-api.ts';

/** A topic that the agent reads, and from whom. */
export interface WantedTopic {
  readonly topic: Uint8Array;
  /** Networks as text, `4f8:84b0:d7be:7300::/64`. */
  readonly sources: readonly string[];
}

/**
 * Makes the daemon refuse every topic but the configured ones, and those that the agent reads from all but their
 * sources; no socket may swallow them. Other programs' topics stay as they are. Returns how many things had to be set
 * right. Stock keeps all this in memory: it is gone after a restart.
 */
export async function holdPolicy(api: StockApi, wanted: readonly WantedTopic[], log: Log): Promise<number> {
  let repairs = 0;
  const repair = async (what: string, done: Promise<void>): Promise<void> => {
    await done;
    repairs++;
    log.debug('daemon-policy-set', () => ({ what }));
  };
  if (await api.acceptsOthers()) await repair('default', api.setAcceptsOthers(false));
  const known = new Set(await api.topics());
  for (const { topic, sources } of wanted) {
    if (!known.has(Buffer.from(topic).toString('base64'))) await repair('topic', api.addTopic(topic));
    const { missing, surplus } = compare(await api.sources(topic), sources);
    for (const source of surplus) await repair('source removed', api.removeSource(topic, source));
    for (const source of missing) await repair('source added', api.addSource(topic, source));
    if ((await api.socket(topic)) !== null) await repair('socket removed', api.removeSocket(topic));
  }
  return repairs;
}

/** Is what has been set right there now? Throws what asking throws. */
export async function isPolicyHeld(api: StockApi, wanted: readonly WantedTopic[]): Promise<boolean> {
  try {
    if (await api.acceptsOthers()) return false;
    for (const { topic, sources } of wanted) {
      const { missing, surplus } = compare(await api.sources(topic), sources);
      if (missing.length > 0 || surplus.length > 0 || (await api.socket(topic)) !== null) return false;
    }
    return true;
  } catch (error) {
    // A topic that is not there has no sources: stock says 404.
    if (isAgentError(error, 'daemon/answer')) return false;
    throw error;
  }
}

function compare(found: readonly string[], wanted: readonly string[]) {
  const [have, want] = [found, wanted].map((list) => new Set(list.map(plain)));
  return {
    missing: wanted.filter((source) => have?.has(plain(source)) !== true),
    surplus: found.filter((source) => want?.has(plain(source)) !== true),
  };
}

/** Two ways of writing one network are one. */
const plain = (source: string): string => parseSubnet(source) ?? source;
