import type { PublicKey } from '#kernel';
import { AgentError } from '#kernel';
import type { Ring } from '#ring';

type BookRing = Pick<Ring, 'append' | 'whenDurable' | 'states'>;

export type Ended = 'done' | 'refused' | 'cancelled' | 'failed';

/** What is remembered of a file on its way out. */
export interface OutRecord {
  readonly id: string;
  readonly to: PublicKey;
  readonly path: string;
  readonly name: string;
  readonly topic: string;
  readonly size: number;
  /** Null until the file has been hashed; nothing has been offered before. */
  readonly root: string | null;
  readonly ended: Ended | null;
  readonly why: string;
  /** Order of their beginning. */
  readonly number: number;
}

/** What is remembered of a file on its way in, or that came: a sender that was not told asks again. */
export interface InRecord {
  readonly id: string;
  readonly from: PublicKey;
  readonly name: string;
  readonly topic: string;
  readonly size: number;
  readonly root: string;
  /** Its last name, once that is chosen. */
  readonly path: string | null;
  readonly ended: Ended | null;
  readonly why: string;
  readonly number: number;
}

const prefixes = { out: 'files/out/', in: 'files/in/' } as const;

/** The durable memory of one direction's transfers: records in the ring's state, at most `limit`. */
export class Book<R extends OutRecord | InRecord> {
  readonly limit: number;
  readonly #ring: BookRing;
  readonly #prefix: string;
  readonly #keyOf: (record: R) => string;
  readonly #records = new Map<string, R>();
  #number = 0;

  constructor(ring: BookRing, direction: 'out' | 'in', limit: number, keyOf: (record: R) => string) {
    this.#ring = ring;
    this.#prefix = prefixes[direction];
    this.limit = limit;
    this.#keyOf = keyOf;
    const found = [...ring.states(this.#prefix)].map(([, value]) => JSON.parse(Buffer.from(value).toString()) as R);
    for (const record of found.sort((a, b) => a.number - b.number)) {
      this.#records.set(keyOf(record), record);
      this.#number = record.number;
    }
  }

  get count(): number {
    return this.#records.size;
  }

  /** In the order of their beginning. */
  all(): IterableIterator<R> {
    return this.#records.values();
  }

  get(key: string): R | undefined {
    return this.#records.get(key);
  }

  nextNumber(): number {
    return ++this.#number;
  }

  /** True here at once, durable when it resolves. Rejects with `files/ring` when the ring takes it not; then nothing has changed. */
  async put(record: R): Promise<void> {
    const key = this.#keyOf(record);
    const value = Buffer.from(JSON.stringify(record));
    const appended = this.#ring.append([{ kind: 'state', key: this.#prefix + key, value }]);
    if (!appended.ok)
      throw new AgentError('files/ring', 'retry', `transfers: the ring is ${appended.reason}, wanted room`);
    this.#records.set(key, record);
    await this.#ring.whenDurable(appended.last);
  }

  /** Forgotten, durably so before long. */
  drop(record: R): void {
    const key = this.#keyOf(record);
    const { ok } = this.#ring.append([{ kind: 'state', key: this.#prefix + key, value: null }]);
    if (ok) this.#records.delete(key);
  }

  /** Forgets the first of those that `isIdle`, until there is room for one more. False: there is none. */
  makeRoom(isIdle: (record: R) => boolean): boolean {
    for (const record of this.#records.values()) {
      if (this.count < this.limit) return true;
      if (isIdle(record)) this.drop(record);
    }
    return this.count < this.limit;
  }
}
