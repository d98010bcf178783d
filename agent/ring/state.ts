import type { Duration, Epoch, Sequence } from '#kernel';
import { topicMatches } from '#kernel';
import type { Lane, MessageRecord, Provenance } from './types.ts';

/** A retained message as kept in memory. */
export interface Retained {
  readonly sequence: number;
  readonly epoch: Epoch;
  readonly topic: string;
  readonly lane: Lane;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly body: Uint8Array;
  readonly provenance: Provenance | null;
  /** Ring time. */
  readonly born: number;
}

/** Fixed cost that every key counts with, so that a million empty values are bounded too. */
const entryBytes = 64;

/** Values of the other rooms by key, and the retained message of each topic. Bounded in bytes. */
export class State {
  readonly #values = new Map<string, Uint8Array>();
  readonly #retained = new Map<string, Retained>();
  readonly #limitBytes: number;
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get limitBytes(): number {
    return this.#limitBytes;
  }

  /** True when that much more still fits. */
  fits(moreBytes: number): boolean {
    return this.#bytes + moreBytes <= this.#limitBytes;
  }

  /** By how much the state grows when `key` gets `value`; negative when it shrinks. */
  growth(key: string, value: Uint8Array | null): number {
    return costOf(key, value) - costOf(key, this.#values.get(key) ?? null);
  }

  retainedGrowth(topic: string, body: Uint8Array | null): number {
    return costOf(topic, body) - costOf(topic, this.#retained.get(topic)?.body ?? null);
  }

  /** `value` is kept as it is given: the caller has copied it. */
  set(key: string, value: Uint8Array | null): void {
    this.#bytes += this.growth(key, value);
    if (value === null) this.#values.delete(key);
    else this.#values.set(key, value);
  }

  retain(topic: string, retained: Retained | null): void {
    this.#bytes += this.retainedGrowth(topic, retained?.body ?? null);
    if (retained === null) this.#retained.delete(topic);
    else this.#retained.set(topic, retained);
  }

  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  *under(prefix: string): Generator<readonly [string, Uint8Array]> {
    for (const entry of this.#values) if (entry[0].startsWith(prefix)) yield entry;
  }

  retained(topic: string): Retained | undefined {
    return this.#retained.get(topic);
  }

  *retainedMatching(filter: string): Generator<Retained> {
    if (!/[+#]/.test(filter)) {
      const found = this.#retained.get(filter);
      if (found !== undefined) yield found;
      return;
    }
    for (const [topic, retained] of this.#retained) if (topicMatches(filter, topic)) yield retained;
  }

  /** What there is now, to be written later: values are never changed in place. */
  snapshot(): { values: readonly (readonly [string, Uint8Array])[]; retained: readonly Retained[] } {
    return { values: [...this.#values], retained: [...this.#retained.values()] };
  }
}

const costOf = (key: string, value: Uint8Array | null): number =>
  value === null ? 0 : entryBytes + key.length + value.length;

export function retainedRecord(retained: Retained, ringTime: number): MessageRecord {
  const { sequence, epoch, topic, lane, qos, retain, body, provenance, born } = retained;
  const age = Math.max(0, ringTime - born) as Duration;
  return {
    kind: 'message',
    sequence: sequence as Sequence,
    epoch,
    topic,
    lane,
    qos,
    retain,
    latest: 'set',
    body,
    provenance,
    age,
  };
}
