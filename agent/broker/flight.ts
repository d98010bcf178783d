/** A record of a session that is not settled yet. */
export interface Entry {
  /** Its place among all records that the session's cursor has matched, from 1. */
  readonly ordinal: number;
  readonly sequence: number;
  /** Packet id; 0: needs no acknowledgement. */
  readonly id: number;
  readonly qos: 0 | 1 | 2;
  /** PUBREC has come. */
  received: boolean;
  done: boolean;
  /** How many records of this entry were not given out, for the account. */
  readonly refused: number;
}

/** Packet ids repeat after 65,535 records; a window is far smaller. Needs no record of its own: it follows from the place. */
export const packetIdOf = (ordinal: number): number => ((ordinal - 1) % 65_535) + 1;

/** What a session has been given and has not finished with, in order. Settled from the front only. */
export class Flight {
  #entries: Entry[] = [];
  #first = 0;
  readonly #byId = new Map<number, Entry>();
  /** Entries that wait for the client. */
  #open = 0;

  get open(): number {
    return this.#open;
  }

  get count(): number {
    return this.#entries.length - this.#first;
  }

  push(entry: Entry): void {
    this.#entries.push(entry);
    if (entry.done) return;
    this.#open++;
    this.#byId.set(entry.id, entry);
  }

  find(id: number): Entry | undefined {
    return this.#byId.get(id);
  }

  finish(entry: Entry): void {
    if (entry.done) return;
    entry.done = true;
    this.#open--;
    this.#byId.delete(entry.id);
  }

  /** Takes the finished entries off the front. Null: there are none. */
  takeFinished(): { upTo: number; refused: number } | null {
    let refused = 0;
    let upTo = 0;
    for (let entry = this.#entries[this.#first]; entry?.done; entry = this.#entries[this.#first]) {
      refused += entry.refused;
      upTo = entry.sequence;
      this.#first++;
    }
    if (upTo === 0) return null;
    if (this.#first > 1_024 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
    if (this.#first === this.#entries.length) this.#reset();
    return { upTo, refused };
  }

  /** Ordinals, in order, whose PUBREC has come. */
  received(): number[] {
    const found: number[] = [];
    for (let index = this.#first; index < this.#entries.length; index++) {
      const entry = this.#entries[index];
      if (entry?.received) found.push(entry.ordinal);
    }
    return found;
  }

  /** Ordinals that are finished but stand behind one that is not. */
  finishedAhead(): number[] {
    const found: number[] = [];
    for (let index = this.#first; index < this.#entries.length; index++) {
      const entry = this.#entries[index];
      if (entry?.done && entry.id > 0) found.push(entry.ordinal);
    }
    return found;
  }

  clear(): void {
    this.#reset();
    this.#byId.clear();
    this.#open = 0;
  }

  #reset(): void {
    this.#entries = [];
    this.#first = 0;
  }
}
