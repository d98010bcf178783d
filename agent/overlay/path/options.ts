import type { Duration } from '#kernel';
import { milliseconds, minutes, seconds } from '#kernel';
import { longestBytes } from './packet-size.ts';

/** Every bound of the better path in one place. */
export interface PathOptions {
  /** The longest packet that is taken here. */
  readonly acceptsBytes: number;
  /** How long an acknowledgement that nobody waits for may wait for company. */
  readonly ackWithin: Duration;
  /** … unless so much came since the last. */
  readonly ackAfterPackets: number;
  readonly ackAfterBytes: number;
  /** Nodes of which something is known: whoever was quiet for longest is forgotten first, those with messages last. */
  readonly destinations: number;
  /** HELLOs in a row without an answer before the far side counts as one that does not know this path … */
  readonly hellos: number;
  /** … for so long, doubled each time, up to `longestDoubt`. */
  readonly firstDoubt: Duration;
  readonly longestDoubt: Duration;
  /** Probes in a row without an answer, while there is a route, before everything is handed to the messages of old. */
  readonly silences: number;
  /** A message that was refused waits at least so long, doubled each time. */
  readonly firstHold: Duration;
  readonly longestHold: Duration;
  /** Answers to packets of unknown sessions, in a second. */
  readonly resetsPerSecond: number;
  /** Packets of one session; then another is agreed on. */
  readonly numbers: number;
  /** Below this round trip nothing is paced: timers are coarser. */
  readonly paceFromMs: number;
}

export const defaultPathOptions: PathOptions = {
  acceptsBytes: longestBytes,
  ackWithin: milliseconds(100),
  ackAfterPackets: 16,
  ackAfterBytes: 64 * 1024,
  destinations: 1024,
  hellos: 3,
  firstDoubt: seconds(10),
  longestDoubt: minutes(10),
  silences: 6,
  firstHold: seconds(1),
  longestHold: seconds(30),
  resetsPerSecond: 50,
  numbers: 0xffff_ffff,
  paceFromMs: 20,
};
