import { AgentError, type Sequence, sequence } from '#kernel';
import type { Entry } from '#ring';
import { Session, type SessionContext } from './session.ts';
import { cursorName, decodeReceived, decodeSession, encodeSession, stateKey } from './session-state.ts';

/** What CONNECT asks for. */
export interface Asked {
  readonly cleanStart: boolean;
  /** 0: ends with the connection; 0xffffffff: never. */
  readonly expirySeconds: number;
}

export const neverExpires = 0xff_ff_ff_ff;

/** All persistent sessions, connected or not. Each is a cursor, a state record and its packet ids, all in the ring. */
export class Sessions {
  readonly #context: SessionContext;
  readonly #byClient = new Map<string, Session>();

  constructor(context: SessionContext) {
    this.#context = context;
  }

  get count(): number {
    return this.#byClient.size;
  }

  get(client: string): Session | undefined {
    return this.#byClient.get(client);
  }

  values(): IterableIterator<Session> {
    return this.#byClient.values();
  }

  /** Takes up what the ring holds. Cursors that a crash left without their session are removed. */
  load(): void {
    const { ring, log } = this.#context;
    for (const [key, value] of [...ring.states('session/')]) {
      const client = key.slice('session/'.length);
      const state = decodeSession(value);
      if (state === null) {
        log.warn('session-unreadable', { client });
        continue;
      }
      const session = this.#make(
        client,
        state.expirySeconds,
        state.subscriptions.map((each) => each.filter),
      );
      for (const each of state.subscriptions) session.subscriptions.set(each);
    }
    for (const [key] of ring.states('incoming/')) this.#loadIncoming(key);
    for (const cursor of [...ring.cursors()]) {
      const client = cursor.name.startsWith('session/') ? cursor.name.slice('session/'.length) : null;
      if (client === null || this.#byClient.has(client) || ring.state(stateKey.session(client)) !== undefined) continue;
      ring.cursor({ name: cursor.name, filters: [], except: null, from: 'now' }).remove();
    }
  }

  /**
   * The session for a CONNECT, durable when this resolves; null when it asks for none and there is none. Clean start
   * ends the one there was. Rejects with `broker/sessions` at the limit, or when the disk takes nothing.
   */
  async begin(client: string, asked: Asked): Promise<Session | null> {
    let known = this.#byClient.get(client);
    if (known !== undefined && asked.cleanStart) {
      await this.end(known);
      known = undefined;
    }
    if (known !== undefined) {
      if (known.expirySeconds !== asked.expirySeconds) {
        known.expirySeconds = asked.expirySeconds;
        await this.save(known);
      }
      return known;
    }
    if (asked.expirySeconds === 0) return null;
    return this.create(client, asked.expirySeconds);
  }

  async create(client: string, expirySeconds: number): Promise<Session> {
    if (this.#byClient.size >= this.#context.limits.sessions) {
      this.#context.counters.count('refused-sessions');
      throw new AgentError('broker/sessions', 'retry', `broker: ${this.#byClient.size} sessions, no more wanted`);
    }
    const session = this.#make(client, expirySeconds, []);
    session.isNew = true;
    await this.save(session);
    return session;
  }

  /** Writes the session's state and filters down; resolves when they are durable. */
  async save(session: Session): Promise<void> {
    const { client, expirySeconds } = session;
    const value = encodeSession({ expirySeconds, subscriptions: [...session.subscriptions.values()] });
    const stored = this.#append([{ kind: 'state', key: stateKey.session(client), value }]);
    const filtered = session.cursor.setFilters(session.subscriptions.filters());
    await this.#context.ring.whenDurable(sequence(Math.max(stored, filtered)));
  }

  /** The session ends: cuts its client, frees its records. Resolves when that is durable. */
  async end(session: Session): Promise<void> {
    const { client } = session;
    this.#byClient.delete(client);
    session.connection?.close(null);
    const gone: Entry[] = [stateKey.session(client), stateKey.received(client)]
      .concat([...session.incoming].map((id) => stateKey.incoming(client, id)))
      .filter((key) => this.#context.ring.state(key) !== undefined)
      .map((key) => ({ kind: 'state', key, value: null }));
    const removed = session.remove();
    const stored = gone.length > 0 ? this.#append(gone) : removed;
    await this.#context.ring.whenDurable(sequence(Math.max(removed, stored)));
  }

  #make(client: string, expirySeconds: number, filters: readonly string[]): Session {
    const { ring } = this.#context;
    const cursor = ring.cursor({ name: cursorName(client), filters, except: null, from: 'now' });
    const received = decodeReceived(ring.state(stateKey.received(client)) ?? new Uint8Array(0));
    const session = new Session(client, cursor, expirySeconds, received, this.#context);
    this.#byClient.set(client, session);
    return session;
  }

  #loadIncoming(key: string): void {
    const at = key.lastIndexOf('/');
    this.#byClient.get(key.slice('incoming/'.length, at))?.incoming.add(Number(key.slice(at + 1)));
  }

  #append(entries: readonly Entry[]): Sequence {
    const appended = this.#context.ring.append(entries);
    if (appended.ok) return appended.last;
    throw new AgentError('broker/state', 'retry', `broker: session state not stored, ring ${appended.reason}`);
  }
}
