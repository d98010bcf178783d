import type { PublicKey, Random, Secret } from '#kernel';
import type { SealBackend } from './backend.ts';

/** What an envelope carries. Control (acknowledgements) never goes to an identity key. FORMAT.md. */
export type SealedKind = 'data' | 'control';

/**
 * `require`: to a receive-key or not at all. `identity`: to the identity key while no announcement of the contact was
 * ever verified, which has no forward secrecy; never again afterwards.
 */
export type SealPolicy = 'require' | 'identity';

export interface Sealed {
  readonly ok: true;
  readonly envelope: Uint8Array;
  /** The far end's epoch it is sealed to; 0: its identity key. */
  readonly epoch: number;
  readonly forwardSecret: boolean;
}

export interface Unsealed {
  readonly ok: true;
  readonly from: PublicKey;
  /** Null: an answer that carried announcements alone; there is no payload. */
  readonly kind: SealedKind | null;
  /** In fresh memory, the caller's. */
  readonly inner: Uint8Array;
  readonly forwardSecret: boolean;
  readonly effects: readonly SealEffect[];
}

/** Why an envelope was not made or not opened. Counted by name; nothing is told to a stranger. */
export type SealRefusalReason =
  /** Sealing: no announcement of this contact is known, and the policy wants one. */
  | 'no-receive-key'
  | 'unknown-contact'
  /** Too short, too long, or of a kind that this version does not open. */
  | 'malformed'
  | 'unknown-suite'
  /** Below what this contact is known to be able to do. */
  | 'suite-downgrade'
  /** To the identity key, from a contact that knows our receive-keys, or against the policy. */
  | 'downgrade'
  /** No known contact's hint. */
  | 'unknown-sender'
  /** This source asked for too many searches among the contacts. */
  | 'rate-limited'
  /** A contact's, to a receive-key that is not (or no longer) here: it was answered, at most once in ten seconds. */
  | 'unknown-key'
  /** The tag, or a key that gives no secret. */
  | 'forged';

export interface SealRefusal {
  readonly ok: false;
  readonly reason: SealRefusalReason;
  readonly effects: readonly SealEffect[];
}

/** What the sealer wants done. In order; none is ever needed for safety, only for progress. */
export type SealEffect =
  /** An envelope without data (announcements): to this contact, by any way. */
  | { readonly kind: 'send'; readonly to: PublicKey; readonly envelope: Uint8Array }
  /** Our newest announcement, signed, for mailboxes and pairing: the keys are durable. */
  | { readonly kind: 'announce'; readonly announcement: Uint8Array; readonly epoch: number }
  /** The contact has a newer receive-key: what was sealed for it and not acknowledged is to be sealed again. */
  | { readonly kind: 'reseal'; readonly contact: PublicKey; readonly epoch: number }
  /** Replace the file, durably; then call `stored`, or `storeFailed`. */
  | { readonly kind: 'store'; readonly file: SealFile; readonly bytes: Uint8Array; readonly ticket: number }
  | { readonly kind: 'alarm'; readonly alarm: SealAlarm };

export type SealFile = 'receive-keys' | 'contacts';

/** Something a person must know. `contact` null: this node itself. */
export interface SealAlarm {
  /** `fork`: two keys of one epoch, so that this identity runs twice. `restored`: an older image of it came back. */
  readonly what: 'fork' | 'restored' | 'changed-signing-key';
  readonly contact: PublicKey | null;
  readonly epoch: number;
}

export interface SealStatus {
  /** What we seal for the contact now cannot be read by who later steals its identity key. */
  readonly outward: boolean;
  /** The same of what it seals for us: it has used one of our receive-keys. */
  readonly inward: boolean;
  /** Both. */
  readonly forwardSecret: boolean;
  /** The contact's epoch that we seal to; 0: none known. */
  readonly epoch: number;
  /** Our epoch that it sealed to last; 0: none. */
  readonly ownEpoch: number;
  /** Uptime since that epoch of the contact was learned; null when none is known or it was before this start. */
  readonly sinceMs: number | null;
}

/** Monotonic counts, named as in /metrics without a prefix. */
export interface SealCounters {
  sealed: number;
  opened: number;
  /** Contexts made anew: each cost two Diffie-Hellman operations. */
  freshSeals: number;
  freshOpens: number;
  refused: Record<SealRefusalReason, number>;
  answers: number;
  /** Answers withheld by the limit of one a contact in ten seconds. */
  answersWithheld: number;
  rotations: number;
  receiveKeysDeleted: number;
  contextsEvicted: number;
  alarms: number;
}

export interface OpenOptions {
  /** Who the overlay has proven to have sent it; nobody else's hint is tried. */
  readonly from?: PublicKey;
  /** Else: where it came from (a relay's key, an address), for the limit of searches. */
  readonly source?: string;
  /** What is accepted: `require` refuses envelopes to the identity key. Default: `identity`. */
  readonly policy?: SealPolicy;
}

/**
 * Seals batches for contacts and opens theirs. No disk and no timer; it reads the monotonic clock that it is given.
 * Invariants: a context lives in memory alone; an announced key is durable; a contact that can do better is never
 * sealed to, or opened from, worse.
 */
export interface Sealer {
  seal(to: PublicKey, inner: Uint8Array, kind: SealedKind, policy: SealPolicy): Sealed | SealRefusal;
  open(envelope: Uint8Array, options?: OpenOptions): Unsealed | SealRefusal;
  /** Our announcement as it is now, for pairing and mailboxes. Null until the first receive-key is durable. */
  announcement(): Uint8Array | null;
  /** An announcement that came by a mailbox or a pairing, of this contact or of ourselves (an echo). Null: it is not. */
  learn(contact: PublicKey, announcement: Uint8Array): readonly SealEffect[] | null;
  /** An envelope that carries our announcement and asks for the contact's: first contact. Limited as answers are. */
  hello(to: PublicKey): readonly SealEffect[];
  know(contact: PublicKey): void;
  forget(contact: PublicKey): void;
  status(contact: PublicKey): SealStatus;
  /** Everything ever sealed for the contact's epochs below this one is acknowledged end to end. */
  drained(contact: PublicKey, belowEpoch: number): void;
  /** All mailboxes were asked and emptied, completely, once. */
  mailboxDrained(): void;
  /** The operator's "rotate now" and "forget the old keys now". */
  rotate(): void;
  forgetOldKeys(): void;
  /** Call at least once a minute: rotation, deletion, saving. */
  tick(): readonly SealEffect[];
  stored(ticket: number): readonly SealEffect[];
  storeFailed(ticket: number): void;
  readonly counters: Readonly<SealCounters>;
  readonly epoch: number;
  /** Overwrites every secret; nothing works afterwards. */
  close(): void;
}

export interface SealerOptions {
  readonly backend: SealBackend;
  /** The overlay's identity key. */
  readonly identity: Secret;
  /** 32 bytes shared by the whole network, mixed into every pair's key. */
  readonly networkPsk?: Uint8Array | null;
  readonly random: Pick<Random, 'bytes'>;
  /** Monotonic milliseconds since this start. */
  readonly uptimeMs: () => number;
  /** The files as they were read; null where there is none. */
  readonly stored: { readonly receiveKeys: Uint8Array | null; readonly contacts: Uint8Array | null };
}
