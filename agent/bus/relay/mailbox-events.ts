import type { PublicKey, Sequence } from '#kernel';
import type { RelayFrame, RelaySaying, Verdict } from './frame.ts';
import type { RelayLimits } from './quotas.ts';

/** A letter as it lies in the relay's ring. */
export interface Filed {
  readonly sequence: Sequence;
  readonly place: string;
  readonly depositor: PublicKey;
  readonly slot: string;
  readonly isStranger: boolean;
  /** A view: to be copied before the next event. */
  readonly envelope: Uint8Array;
  readonly ageMs: number;
}

export type NewLetter = Pick<Filed, 'depositor' | 'slot' | 'isStranger' | 'envelope'> & {
  readonly recipient: PublicKey;
};

/** `stranger`: in an open relay, somebody who is no contact takes part. */
export type Standing = 'contact' | 'stranger' | 'nobody';

export interface MailboxOptions {
  readonly limits: RelayLimits;
  readonly standing: (who: PublicKey) => Standing;
  /** Stages a letter in the ring; its place is known at once, durable later. Null: the ring takes nothing now. */
  readonly file: (letter: NewLetter) => { readonly sequence: Sequence; readonly place: string } | null;
  /** The newest announcement of a client. */
  readonly announcement: (of: PublicKey) => Uint8Array | undefined;
  /** False: no room. */
  readonly announce: (of: PublicKey, announcement: Uint8Array) => boolean;
  /** 8 random bytes as hex. */
  readonly token: () => string;
  /** Uniform in [0, 1). */
  readonly fraction: () => number;
}

export type MailboxEvent =
  /** What lay in the ring at the start, a mailbox at a time and in order; `ready` ends it. */
  | { readonly kind: 'found'; readonly recipient: PublicKey; readonly letters: readonly Filed[] }
  | { readonly kind: 'ready' }
  | { readonly kind: 'frame'; readonly frame: RelayFrame }
  | { readonly kind: 'durable'; readonly upTo: Sequence }
  /** The answer to a `read`. */
  | { readonly kind: 'items'; readonly recipient: PublicKey; readonly items: readonly Filed[]; readonly more: boolean }
  | { readonly kind: 'route'; readonly to: PublicKey; readonly reachable: boolean }
  | { readonly kind: 'timer' };

export type MailboxEffect =
  | { readonly kind: 'send'; readonly to: PublicKey; readonly saying: RelaySaying }
  /** Letters of a mailbox, from the read position on; one read at a time. */
  | { readonly kind: 'read'; readonly recipient: PublicKey }
  | { readonly kind: 'rewind'; readonly recipient: PublicKey }
  /** Nothing up to there is wanted any more. */
  | { readonly kind: 'settle'; readonly recipient: PublicKey; readonly to: Sequence }
  /** Is there a route? The answer is a `route` event. */
  | { readonly kind: 'look'; readonly to: PublicKey }
  /** The mailbox has been empty for long. */
  | { readonly kind: 'close'; readonly recipient: PublicKey };

/** Monotonic counts, named as in /metrics without the `hypha_relay_` prefix. */
export interface RelayCounters {
  deposits: number;
  /** Deposits that took the place of an older one. */
  replaced: number;
  readonly refused: Record<Exclude<Verdict, 'stored'>, number>;
  /** Letters sent to their recipients, again counted again. */
  handedOver: number;
  /** Letters that their recipients have taken. */
  taken: number;
  expired: number;
  /** Hand-overs that ended without an answer. */
  abandoned: number;
  announcements: number;
  unknownSender: number;
  misdirected: number;
  malformed: number;
}

export const noCounts = (): RelayCounters => ({
  deposits: 0,
  replaced: 0,
  refused: { 'not-allowed': 0, full: 0, 'sender-full': 0, 'recipient-full': 0, 'too-large': 0, busy: 0 },
  handedOver: 0,
  taken: 0,
  expired: 0,
  abandoned: 0,
  announcements: 0,
  unknownSender: 0,
  misdirected: 0,
  malformed: 0,
});
