import type { Duration } from '#kernel';
import { minutes, seconds } from '#kernel';

const mebibyte = 1024 * 1024;

/** Every bound of the message subsystem in one place. */
export interface MessageOptions {
  /** Longer ones are refused, both ways. */
  readonly maxMessageBytes: number;
  /** Given up after this long if the message names no deadline of its own. Stock: 5 minutes. */
  readonly deadlineMs: Duration;
  /** Send chunks, and DONE where that is safe, ahead of the answers. False: one step after the other, as stock does. */
  readonly sendAhead: boolean;

  /** Unfinished messages of ours; beyond it `send` returns null. */
  readonly outboxCount: number;
  readonly outboxBytes: number;
  /** Finished messages of ours whose state can still be asked for, and for which READ may still come. */
  readonly finishedCount: number;
  readonly finishedMs: Duration;
  /** Messages under way to one destination at a time; the others wait their turn. */
  readonly activePerDestination: number;
  /** Destinations whose round-trip time and window are remembered. */
  readonly destinations: number;

  /** Incoming messages that are not complete. */
  readonly halfOpenCount: number;
  readonly halfOpenPerSender: number;
  /** Bytes held for all of them. */
  readonly halfOpenBytes: number;
  /** An incoming message without progress for this long may be evicted to make room … */
  readonly evictAfterMs: Duration;
  /** … and after this long is forgotten anyway. Stock senders try for 5 minutes. */
  readonly forgetAfterMs: Duration;

  /** Completed ids of one sender: at least this many of the latest, at most twice as many, are remembered. */
  readonly rememberedPerSender: number;
  readonly rememberedSenders: number;
  readonly rememberedInAll: number;
  /** Messages for which an application may still send READ. */
  readonly unreadCount: number;
}

export const defaultOptions: MessageOptions = {
  maxMessageBytes: 64 * mebibyte,
  deadlineMs: minutes(5),
  sendAhead: true,
  outboxCount: 4096,
  outboxBytes: 128 * mebibyte,
  finishedCount: 2048,
  finishedMs: minutes(10),
  activePerDestination: 128,
  destinations: 1024,
  halfOpenCount: 2048,
  halfOpenPerSender: 256,
  halfOpenBytes: 128 * mebibyte,
  evictAfterMs: seconds(10),
  forgetAfterMs: minutes(5),
  rememberedPerSender: 8192,
  rememberedSenders: 1024,
  rememberedInAll: 65_536,
  unreadCount: 4096,
};
