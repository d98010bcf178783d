import type { Instant } from '#kernel';
import type { Packed } from './packer.ts';

/** Batches of one stream under way, at most: a far ring that syncs every few ms is kept busy. */
export const windowBatches = 24;
/** So many fill a link that takes longer; more would only wait on it. */
const fewBatches = 8;
const swiftMs = 100;

/** A batch under way. `state`: how far the overlay is with it. */
export interface Flight {
  readonly batch: Packed;
  state: 'sending' | 'received' | 'aborted' | 'refused';
  message: number;
  /** Null once it was sent again: its round trip says nothing. */
  sentAt: Instant | null;
  /** The far end has it in memory. */
  held: boolean;
}

/** The batches that have been sent and not been acknowledged, in order. */
export class Window {
  readonly #flights: Flight[] = [];
  #limit = fewBatches;

  /** From a batch's start to the ack of it. */
  tookMs(roundTripMs: number): void {
    this.#limit = roundTripMs < swiftMs ? windowBatches : fewBatches;
  }

  get count(): number {
    return this.#flights.length;
  }

  get full(): boolean {
    return this.#flights.length >= this.#limit;
  }

  get records(): number {
    let records = 0;
    for (const flight of this.#flights) records += flight.batch.records;
    return records;
  }

  /** The first sequence under way. */
  get first(): number {
    return this.#flights[0]?.batch.first ?? Number.POSITIVE_INFINITY;
  }

  add(batch: Packed): Flight {
    const flight: Flight = { batch, state: 'sending', message: 0, sentAt: null, held: false };
    this.#flights.push(flight);
    return flight;
  }

  of(message: number): Flight | undefined {
    return this.#flights.find((flight) => flight.message === message);
  }

  /** Takes out what is below `next`, and marks what `held` names. A number that was never sent changes nothing. */
  ack(next: number, held: number): readonly Flight[] {
    const last = this.#flights.at(-1);
    if (last === undefined || next > last.batch.number + 1) return [];
    const count = this.#flights.findIndex((flight) => flight.batch.number >= next);
    const acked = this.#flights.splice(0, count === -1 ? this.#flights.length : count);
    for (const flight of this.#flights) {
      const bit = flight.batch.number - next;
      if (bit < 32 && (held & (1 << bit)) !== 0) flight.held = true;
    }
    return acked;
  }

  /** What neither the overlay is working on nor the far end has. */
  missing(): readonly Flight[] {
    return this.#flights.filter((flight) => !flight.held && flight.state !== 'sending');
  }

  refused(): readonly Flight[] {
    return this.#flights.filter((flight) => flight.state === 'refused');
  }

  clear(): readonly Flight[] {
    return this.#flights.splice(0);
  }
}
