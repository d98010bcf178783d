import type { Instant } from './time.ts';

/**
 * A protocol without clock, socket or timer: the shell feeds it events and carries out its effects. On data paths
 * `Effect` goes to a sink given at construction instead, so that no object is made per record.
 */
export interface Machine<Event, Effect> {
  /** Takes one event at `now` and returns what is to be done, in order. Never throws on input from outside. */
  step(event: Event, now: Instant): readonly Effect[];
  /** When the machine next wants its timer event; `never` if it waits for input alone. */
  deadline(): Instant;
}
