import type { BrokerCounter, BrokerLimits } from './types.ts';

export const defaultLimits: BrokerLimits = {
  sessions: 10_000,
  subscriptions: 1_000,
  receiveMaximum: 1_024,
  heldBytes: 1 << 20,
  heldBytesInAll: 32 << 20,
  outputBytes: 256 << 10,
  liveQueue: 1_000,
  answerBytes: 4 << 20,
};

/** Levels of a topic or filter: a walk down a tree of levels is as deep. aedes' own ceiling. */
export const maxTopicLevels = 100;

/** Topic aliases a client may use towards us. */
export const topicAliasMaximum = 16;

const names: readonly BrokerCounter[] = [
  'refused-connections',
  'malformed',
  'silent',
  'unread',
  'refused-sessions',
  'refused-subscriptions',
  'refused-publishes',
  'too-large',
  'dropped-qos0',
  'set-down',
  'dropped-live',
  'dropped-own',
  'expired',
  'skipped-qos0',
  'duplicates',
];

/** Counts what the limits did. */
export class Counters {
  readonly #counts = new Map<BrokerCounter, number>(names.map((name) => [name, 0]));
  received = 0;
  sent = 0;

  count(name: BrokerCounter, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  read(): Record<BrokerCounter, number> {
    return Object.fromEntries(this.#counts) as Record<BrokerCounter, number>;
  }
}
