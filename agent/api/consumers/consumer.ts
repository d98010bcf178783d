import { after, type Clock, type Duration, type Instant, type Log, messageOf, sequence, type Timer } from '#kernel';
import type { Cursor, GapRecord, MessageRecord } from '#ring';
import { Gaps } from './gaps.ts';

export type Notice = MessageRecord | GapRecord;

/** A program that hears what a consumer has to say, through some door. */
export interface Reader {
  /** `again`: it was given before, in this run of the agent. The bytes are good until it resolves: when more can be given. */
  give(notice: Notice, again: boolean): Promise<void>;
  ended(why: 'taken-over' | 'removed'): void;
}

export interface ReaderOptions {
  /** Given and not acknowledged, at the most. */
  readonly window: number;
  /** Without an acknowledgement for so long all that is open is given again; null: when the reader says so. */
  readonly retryAfter: Duration | null;
  /** Up to here it says it has all: not given at first. */
  readonly skipTo: number;
}

export interface ConsumerPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** The newest sequence that may have been given to anybody. */
  readonly durable: () => number;
}

interface Place {
  readonly reader: Reader;
  readonly options: ReaderOptions;
}

const readBytes = 262_144;

/**
 * A durable place in the ring, by name: everything that matches is given to its reader in order, from behind what was
 * acknowledged. A record's states:
 *
 *   unread → open (given; in memory) → acknowledged: settled in the ring, never given again
 *      ^______________/  by a new reader, a kill of either side, or no acknowledgement in time
 *
 * One reader at a time: a new one takes the place of the old, as with MQTT sessions, for the old one may be a dead
 * connection. Gaps come in their place and pass with the next acknowledgement.
 */
export class Consumer {
  readonly cursor: Cursor;
  readonly #ports: ConsumerPorts;
  #place: Place | null = null;
  #pumping: Promise<void> = Promise.resolve();
  #woken: () => void = () => undefined;
  /** Sequences, in order. */
  #open: number[] = [];
  #acknowledged = 0;
  #given = 0;
  readonly #gaps = new Gaps();
  #restart = false;
  #skipTo = 0;
  #timer: Timer | null = null;
  #heardAt: Instant | null = null;
  /** Given again, in this run. */
  again = 0;

  constructor(cursor: Cursor, ports: ConsumerPorts) {
    this.cursor = cursor;
    this.#ports = ports;
  }

  get isConnected(): boolean {
    return this.#place !== null;
  }

  get inFlight(): number {
    return this.#open.length;
  }

  /** When a reader was last there; null: not since the start. */
  get heardAt(): Instant | null {
    return this.#place === null ? this.#heardAt : this.#ports.clock.now();
  }

  /** What it returns ends the reader's time. */
  attach(reader: Reader, options: ReaderOptions): () => void {
    this.#place?.reader.ended('taken-over');
    const place = { reader, options };
    this.#place = place;
    this.#woken();
    this.#pumping = this.#pumping.then(() => this.#pump(place));
    return () => {
      if (this.#place === place) this.#leave();
    };
  }

  /**
   * Everything up to there is done with. False: no such record can have been given. One of an earlier run of the agent is
   * taken, too: its record is passed over when it is read.
   */
  acknowledge(upTo: number): boolean {
    if (upTo > this.#ports.durable()) return false;
    if (upTo <= this.#acknowledged) return true;
    this.#acknowledged = upTo;
    const count = this.#open.findLastIndex((at) => at <= upTo) + 1;
    const last = this.#open[count - 1];
    if (last === undefined) return true;
    this.#open.splice(0, count);
    this.cursor.settle(sequence(last));
    this.#watch(true);
    this.#woken();
    return true;
  }

  /** All that is open is given again. */
  retry(): void {
    this.#restart = true;
    this.#skipTo = 0;
    this.#woken();
  }

  /** New records may be there. */
  durable(): void {
    if (this.#place !== null && this.cursor.readable) this.#woken();
  }

  remove(): number {
    this.#place?.reader.ended('removed');
    this.#leave();
    return this.cursor.remove();
  }

  #leave(): void {
    this.#heardAt = this.#ports.clock.now();
    this.#place = null;
    this.#watch(false);
    this.#woken();
  }

  async #pump(place: Place): Promise<void> {
    this.#restart = true;
    this.#skipTo = place.options.skipTo;
    try {
      while (this.#place === place) await this.#turn(place);
    } catch (error) {
      this.#ports.log.error('consumer-read', { consumer: this.cursor.name, why: messageOf(error) });
      if (this.#place === place) this.#leave();
    }
  }

  async #turn(place: Place): Promise<void> {
    const isFirst = this.#restart;
    if (isFirst) this.#rewind();
    const room = place.options.window - this.#open.length;
    if (room <= 0 || (!isFirst && !this.cursor.readable)) {
      await new Promise<void>((resolve) => {
        this.#woken = resolve;
      });
      return;
    }
    for (const notice of await this.cursor.read(room, readBytes)) {
      if (this.#place !== place || this.#restart) return;
      await this.#give(place, notice);
    }
  }

  async #give({ reader }: Place, notice: Notice): Promise<void> {
    const at = notice.kind === 'gap' ? notice.to : notice.sequence;
    if (at <= this.#acknowledged) {
      this.cursor.settle(sequence(at));
      return;
    }
    this.#open.push(at);
    if (this.#open.length === 1) this.#watch(true);
    if (at <= this.#skipTo) return;
    const again = at <= this.#given;
    if (again) this.again++;
    this.#given = Math.max(this.#given, at);
    const news = notice.kind === 'gap' ? this.#gaps.news(notice) : notice;
    if (news !== null) await reader.give(news, again);
  }

  #rewind(): void {
    this.#restart = false;
    this.#open = [];
    this.#gaps.forget();
    this.cursor.rewind();
  }

  /** The time until all that is open is given again, from now. */
  #watch(isRunning: boolean): void {
    this.#timer?.cancel();
    this.#timer = null;
    const wait = this.#place?.options.retryAfter ?? null;
    if (!isRunning || wait === null || this.#open.length === 0) return;
    const { clock } = this.#ports;
    this.#timer = clock.at(after(clock.now(), wait), () => this.retry());
  }
}
