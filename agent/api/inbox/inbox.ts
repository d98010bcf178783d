import { AgentError, after, type Clock, type Disk, type Duration, isAgentError, type Log, messageOf } from '#kernel';
import type { ReceivedMessage } from '#overlay';
import { InboxFiles, type Kept } from './files.ts';
import { costOf, encodeMessageFile, identityOf } from './message-file.ts';
import { Taken } from './taken.ts';

export interface InboxLimits {
  readonly messages: number;
  /** On disk. */
  readonly bytes: number;
  readonly waiters: number;
}

export interface Wanted {
  /** Exactly this topic; null: any. */
  readonly topic: Uint8Array | null;
  /** True: the message stays. */
  readonly peek: boolean;
}

/**
 * A message's place. States: storing (not durable yet) → present → leaving (one reader has it) → gone; a reader that
 * cannot take it puts it back to present.
 */
interface Place {
  readonly key: string;
  readonly topic: Uint8Array;
  readonly costBytes: number;
  state: 'storing' | 'present' | 'leaving';
  kept: Kept | null;
  /** Its file may be gone already, and the disk has not confirmed it. */
  leftover: ReceivedMessage | null;
}

interface Waiter {
  readonly wanted: Wanted;
  readonly give: (place: Place | null) => void;
}

export interface InboxOptions {
  readonly clock: Clock;
  readonly disk: Disk;
  readonly log: Log;
  readonly directory: string;
  readonly limits: InboxLimits;
}

/**
 * Messages that wait for a reader, oldest first, durable, bounded in number and bytes; and readers that wait for a
 * message. A message is taken by one reader, and durably gone before that reader is given it.
 */
export class Inbox {
  readonly #clock: Clock;
  readonly #limits: InboxLimits;
  readonly #files: InboxFiles;
  readonly #log: Log;
  readonly #taken: Taken;
  /** In the order of arrival. */
  readonly #places = new Map<string, Place>();
  readonly #storing = new Map<string, Promise<boolean>>();
  #bytes = 0;
  #waiters: Waiter[] = [];
  #isClosed = false;

  constructor({ clock, disk, log, directory, limits }: InboxOptions) {
    this.#clock = clock;
    this.#limits = limits;
    this.#log = log;
    this.#files = new InboxFiles(disk, log, directory);
    this.#taken = new Taken({ disk, log }, `${directory}/taken`, () => this.#files.sync());
  }

  /** Finds what was left by the last run. */
  async open(): Promise<void> {
    for (const kept of await this.#files.open()) this.#enter(placeOf(kept, 'present', kept));
    await this.#taken.open();
  }

  get count(): number {
    return this.#places.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get damaged(): number {
    return this.#files.damaged;
  }

  /** Taken messages that are known no more: sent again, they would be delivered again. */
  get forgotten(): number {
    return this.#taken.forgotten;
  }

  get unrecorded(): number {
    return this.#taken.unrecorded;
  }

  hasRoom(payloadBytes: number, topicBytes: number): boolean {
    const bytes = this.#bytes + costOf(payloadBytes, topicBytes);
    return this.#places.size < this.#limits.messages && bytes <= this.#limits.bytes;
  }

  /** False for a stored message: it was taken before, and readers do not get it again. */
  has(message: ReceivedMessage): boolean {
    return this.#places.has(keyOf(message));
  }

  /**
   * True: durable, and readers get it after `offer`; or it was taken before. False: there is no room, or the disk took
   * it not.
   */
  store(message: ReceivedMessage): Promise<boolean> {
    const key = keyOf(message);
    const storing = this.#storing.get(key);
    if (storing !== undefined) return storing;
    if (this.#places.has(key)) return Promise.resolve(true);
    const bytes = encodeMessageFile(message);
    if (this.#taken.has(identityOf(bytes))) return Promise.resolve(true);
    if (!this.hasRoom(message.payload.length, message.topic.length)) return Promise.resolve(false);
    const place = this.#enter(placeOf({ ...message, payloadBytes: message.payload.length }, 'storing', null));
    const stored = this.#put(place, message, bytes);
    this.#storing.set(key, stored);
    return stored;
  }

  /** It is here, or was taken before. */
  holds(message: ReceivedMessage): boolean {
    return this.has(message) || this.#taken.has(identityOf(encodeMessageFile(message)));
  }

  /** Others keep it for its readers: here it counts as taken, and is not taken in again. */
  remember(message: ReceivedMessage): Promise<void> {
    return this.#taken.add(message.from, identityOf(encodeMessageFile(message)));
  }

  /** A stored message is there for readers: the first that waits gets it, those who only look share it. */
  offer(message: ReceivedMessage): void {
    const place = this.#places.get(keyOf(message));
    if (place?.state !== 'storing' || place.kept === null) return;
    place.state = 'present';
    this.#serve(place);
  }

  /** Keeps a stored message that was not offered from readers, until it is removed or put back. Null: it is not there. */
  claim(message: ReceivedMessage): { readonly remove: () => Promise<void>; readonly putBack: () => void } | null {
    const place = this.#places.get(keyOf(message));
    if (place?.state !== 'storing' || place.kept === null) return null;
    place.state = 'leaving';
    return { remove: () => this.#removeClaimed(place), putBack: () => this.#putBack(place) };
  }

  /**
   * The oldest that matches, else the first to come within `patience`, else null. `left` is called with a function that
   * ends the wait early (the reader has gone). Rejects with `api/busy` when too many wait, `api/disk` when the disk fails.
   */
  async wait(wanted: Wanted, patience: Duration, left: (leave: () => void) => void): Promise<ReceivedMessage | null> {
    const deadline = after(this.#clock.now(), patience);
    let hasLeft = false;
    let endWait = (): void => undefined;
    left(() => {
      hasLeft = true;
      endWait();
    });
    const setEnd = (end: () => void): void => {
      endWait = end;
    };
    while (!hasLeft) {
      const place = this.#next(wanted) ?? (await this.#arrival(wanted, deadline, setEnd));
      if (place === null) return null;
      const message = wanted.peek ? await this.#look(place) : await this.#take(place, () => hasLeft);
      if (message !== null) return message;
    }
    return null;
  }

  /** Ends every wait. */
  close(): void {
    this.#isClosed = true;
    for (const waiter of [...this.#waiters]) waiter.give(null);
  }

  async #put(place: Place, message: ReceivedMessage, bytes: Uint8Array): Promise<boolean> {
    try {
      place.kept = await this.#files.put(message, bytes);
      return true;
    } catch (error) {
      if (!isAgentError(error)) throw error;
      this.#log.warn('inbox-disk', { why: messageOf(error) });
      this.#leave(place);
      return false;
    } finally {
      this.#storing.delete(place.key);
    }
  }

  /** The oldest that matches; a taker has it for itself from now on. */
  #next(wanted: Wanted): Place | null {
    for (const place of this.#places.values()) {
      if (place.state !== 'present' || !matches(wanted, place.topic)) continue;
      if (!wanted.peek) place.state = 'leaving';
      return place;
    }
    return null;
  }

  #arrival(
    wanted: Wanted,
    deadline: ReturnType<typeof after>,
    ended: (end: () => void) => void,
  ): Promise<Place | null> {
    if (this.#clock.now() >= deadline || this.#isClosed) return Promise.resolve(null);
    if (this.#waiters.length >= this.#limits.waiters) {
      throw new AgentError('api/busy', 'retry', `inbox: ${this.#waiters.length} readers wait already`);
    }
    return new Promise((resolve) => {
      const give = (place: Place | null): void => {
        timer.cancel();
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        resolve(place);
      };
      const waiter: Waiter = { wanted, give };
      const timer = this.#clock.at(deadline, () => give(null));
      this.#waiters.push(waiter);
      ended(() => give(null));
    });
  }

  #serve(place: Place): void {
    const matching = this.#waiters.filter(({ wanted }) => matches(wanted, place.topic));
    for (const waiter of matching) if (waiter.wanted.peek) waiter.give(place);
    const taker = matching.find(({ wanted }) => !wanted.peek);
    if (taker === undefined || place.state !== 'present') return;
    place.state = 'leaving';
    taker.give(place);
  }

  /** Null: it has gone meanwhile, or is damaged. */
  async #look(place: Place): Promise<ReceivedMessage | null> {
    try {
      const message = await this.#read(place);
      if (message === null && place.state === 'present') await this.#discard(place);
      return message;
    } catch (error) {
      if (isAgentError(error, 'disk/not-found')) return null;
      throw diskFailed(error);
    }
  }

  /** Null: it is damaged, or the reader has left and the message is there again. */
  async #take(place: Place, hasLeft: () => boolean): Promise<ReceivedMessage | null> {
    try {
      const message = await this.#read(place);
      if (hasLeft()) {
        this.#putBack(place);
        return null;
      }
      place.leftover = message;
      await (message === null ? this.#discard(place) : this.#remove(place));
      return message;
    } catch (error) {
      this.#putBack(place);
      throw diskFailed(error);
    }
  }

  async #read({ kept, leftover }: Place): Promise<ReceivedMessage | null> {
    return leftover ?? (kept === null ? null : this.#files.read(kept));
  }

  /**
   * Both at once: a message whose file a power cut leaves is there, whatever is recorded, and if it leaves neither, nobody
   * has been given the message.
   */
  async #remove(place: Place): Promise<void> {
    const { kept } = place;
    if (kept !== null) await Promise.all([this.#files.remove(kept), this.#taken.add(kept.from, kept.identity)]);
    this.#leave(place);
  }

  /** A damaged one: it comes in again if it is sent again. */
  async #discard(place: Place): Promise<void> {
    if (place.kept !== null) await this.#files.remove(place.kept);
    this.#leave(place);
  }

  async #removeClaimed(place: Place): Promise<void> {
    try {
      await this.#remove(place);
    } catch (error) {
      this.#log.warn('inbox-disk', { why: messageOf(error) });
      this.#putBack(place);
    }
  }

  #putBack(place: Place): void {
    place.state = 'present';
    this.#serve(place);
  }

  #enter(place: Place): Place {
    this.#places.set(place.key, place);
    this.#bytes += place.costBytes;
    return place;
  }

  #leave(place: Place): void {
    this.#places.delete(place.key);
    this.#bytes -= place.costBytes;
  }
}

type Identified = Pick<ReceivedMessage, 'from' | 'id' | 'isReply' | 'topic'>;

const keyOf = ({ from, id, isReply }: Omit<Identified, 'topic'>): string => `${from}${id}${isReply ? 'r' : ''}`;

const placeOf = (
  message: Identified & { readonly payloadBytes: number },
  state: Place['state'],
  kept: Kept | null,
): Place => ({
  key: keyOf(message),
  topic: Uint8Array.from(message.topic),
  costBytes: costOf(message.payloadBytes, message.topic.length),
  state,
  kept,
  leftover: null,
});

const matches = (wanted: Wanted, topic: Uint8Array): boolean =>
  wanted.topic === null || Buffer.compare(wanted.topic, topic) === 0;

/** What a reader is told. Bugs stay what they are. */
function diskFailed(error: unknown): unknown {
  if (!isAgentError(error)) return error;
  return new AgentError('api/disk', 'retry', `inbox: ${error.message}`, error);
}
