import type { Ring } from '#ring';
import type { Entry, Flight } from './flight.ts';
import { encodeReceived, stateKey } from './session-state.ts';

/**
 * A session's PUBRECs. One state record names all ordinals whose PUBREC has come; their PUBRELs leave when it is
 * durable. It may name what is settled by now, which means nothing, but never omits one whose PUBREL has gone while its
 * settling could still be lost.
 */
export class Receipts {
  readonly #ring: Ring;
  readonly #key: string;
  /** Ordinals recorded on disk. */
  readonly #recorded: Set<number>;
  #waiting: { readonly sequence: number; readonly entries: readonly Entry[] }[] = [];
  #unrecorded: Entry[] = [];

  constructor(ring: Ring, client: string, recorded: Set<number>) {
    this.#ring = ring;
    this.#key = stateKey.received(client);
    this.#recorded = recorded;
  }

  has(ordinal: number): boolean {
    return this.#recorded.has(ordinal);
  }

  /** A PUBREC has come. */
  add(entry: Entry): void {
    this.#unrecorded.push(entry);
  }

  /** Writes down what has come since; on a disk that takes nothing it is tried again with the next call. */
  record(flight: Flight): void {
    if (this.#unrecorded.length === 0) return;
    const ordinals = [...new Set([...this.#recorded, ...flight.received()])].sort((one, other) => one - other);
    const appended = this.#ring.append([{ kind: 'state', key: this.#key, value: encodeReceived(ordinals) }]);
    if (!appended.ok) return;
    this.#waiting.push({ sequence: appended.last, entries: this.#unrecorded });
    this.#unrecorded = [];
  }

  /** The entries whose PUBREL may go now. */
  *durable(upTo: number): Generator<Entry> {
    while (this.#waiting[0] !== undefined && this.#waiting[0].sequence <= upTo) {
      for (const entry of this.#waiting.shift()?.entries ?? []) {
        this.#recorded.add(entry.ordinal);
        yield entry;
      }
    }
  }

  /** Ordinals up to here are durably settled. */
  forget(settled: number): void {
    for (const ordinal of this.#recorded) if (ordinal <= settled) this.#recorded.delete(ordinal);
  }

  /** The connection is gone, and with it the PUBRELs it waited for. */
  detach(): void {
    this.#waiting = [];
    this.#unrecorded = [];
  }
}
