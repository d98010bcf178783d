/**
 * MQTT topic names and filters (MQTT 5 §4.7). A filter may hold `+` for one level and a last `#` for the rest;
 * neither matches a first level that begins with `$`.
 */
export function isTopicName(topic: string): boolean {
  return topic.length > 0 && topic.length <= 65_535 && !/[+#\0]/.test(topic);
}

export function isTopicFilter(filter: string): boolean {
  if (filter.length === 0 || filter.length > 65_535 || filter.includes('\0')) return false;
  const levels = filter.split('/');
  return levels.every(
    (level, index) =>
      level === '+' || (level === '#' && index === levels.length - 1) || !(level.includes('+') || level.includes('#')),
  );
}

export function topicMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && (filter.startsWith('+') || filter.startsWith('#'))) return false;
  const wanted = filter.split('/');
  const found = topic.split('/');
  for (let index = 0; index < wanted.length; index++) {
    const level = wanted[index];
    if (level === '#') return true;
    if (index >= found.length || (level !== '+' && level !== found[index])) return false;
  }
  return wanted.length === found.length;
}

interface Branch<T> {
  readonly children: Map<string, Branch<T>>;
  readonly here: Set<T>;
  readonly rest: Set<T>;
}

const branch = <T>(): Branch<T> => ({ children: new Map(), here: new Set(), rest: new Set() });

/** Which of many filters match a topic: one walk down a tree of levels, however many filters there are. */
export class TopicIndex<T> {
  readonly #root: Branch<T> = branch();

  add(filter: string, value: T): void {
    let at = this.#root;
    const levels = filter.split('/');
    for (const level of levels) {
      if (level === '#') {
        at.rest.add(value);
        return;
      }
      let next = at.children.get(level);
      if (next === undefined) at.children.set(level, (next = branch()));
      at = next;
    }
    at.here.add(value);
  }

  remove(filter: string, value: T): void {
    this.#prune(this.#root, filter.split('/'), 0, value);
  }

  /** Every value with a matching filter, each once. */
  match(topic: string): Set<T> {
    const found = new Set<T>();
    this.#collect(this.#root, topic.split('/'), 0, found);
    return found;
  }

  #collect(at: Branch<T>, levels: readonly string[], depth: number, found: Set<T>): void {
    const wild = depth > 0 || !(levels[0] ?? '').startsWith('$');
    if (wild) for (const value of at.rest) found.add(value);
    const level = levels[depth];
    if (level === undefined) {
      for (const value of at.here) found.add(value);
      return;
    }
    const exact = at.children.get(level);
    if (exact !== undefined) this.#collect(exact, levels, depth + 1, found);
    const any = wild ? at.children.get('+') : undefined;
    if (any !== undefined) this.#collect(any, levels, depth + 1, found);
  }

  /** True when the branch is empty afterwards. */
  #prune(at: Branch<T>, levels: readonly string[], depth: number, value: T): boolean {
    const level = levels[depth];
    if (level === undefined) at.here.delete(value);
    else if (level === '#') at.rest.delete(value);
    else {
      const next = at.children.get(level);
      if (next !== undefined && this.#prune(next, levels, depth + 1, value)) at.children.delete(level);
    }
    return at.here.size === 0 && at.rest.size === 0 && at.children.size === 0;
  }
}
