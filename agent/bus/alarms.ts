import type { Duration, Env, Instant } from '#kernel';
import { since } from '#kernel';
import type { BusCounters, BusEvent, RaisedAlarm } from './types.ts';

const alarmLimit = 256;

/** What was found wrong with the histories of the two ends of streams: counted, logged, told, and kept for who looks later. */
export class Alarms {
  readonly #env: Pick<Env, 'clock' | 'log'>;
  readonly #counters: BusCounters;
  readonly #report: (event: BusEvent) => void;
  readonly #raised = new Map<string, { readonly alarm: RaisedAlarm; readonly at: Instant }>();

  constructor(env: Pick<Env, 'clock' | 'log'>, counters: BusCounters, report: (event: BusEvent) => void) {
    this.#env = env;
    this.#counters = counters;
    this.#report = report;
  }

  raise(alarm: RaisedAlarm): void {
    const { what, expected, contact, lane, role } = alarm;
    const key = `${contact}/${lane}/${role}/${what}`;
    this.#raised.delete(key);
    this.#raised.set(key, { alarm, at: this.#env.clock.now() });
    const [oldest] = this.#raised.keys();
    if (this.#raised.size > alarmLimit && oldest !== undefined) this.#raised.delete(oldest);
    this.#count(alarm);
    const fields = { contact, lane, role, expected };
    const name = what === 'cloned' ? 'contact-cloned' : what === 'ours' ? 'ring-went-back' : 'far-end-went-back';
    if (expected) this.#env.log.info(name, fields);
    else this.#env.log.error(name, fields);
    if (what === 'cloned') this.#report({ kind: 'cloned', contact, lane, role });
    else this.#report({ kind: 'went-back', contact, lane, role, whose: what, expected });
  }

  /** The last of each kind, with how long ago. */
  list(): readonly (RaisedAlarm & { readonly ago: Duration })[] {
    const now = this.#env.clock.now();
    return [...this.#raised.values()].map(({ alarm, at }) => ({ ...alarm, ago: since(at, now) }));
  }

  #count({ what, expected }: RaisedAlarm): void {
    if (what === 'cloned') this.#counters.cloned++;
    else if (expected) this.#counters.wentBackExpected++;
    else if (what === 'ours') this.#counters.wentBack++;
    else this.#counters.farEndWentBack++;
  }
}
