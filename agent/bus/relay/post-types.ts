import type { PublicKey } from '#kernel';
import type { DepositEnd } from './courier.ts';

/** Seals for contacts and opens what they sealed. A relay sees nothing but this. */
export interface Envelopes {
  /** Null: not now (no key of the contact is known yet). */
  seal(to: PublicKey, frame: Uint8Array, kind: 'data' | 'control'): Uint8Array | null;
  /** `depositor`: who left it, as the relay says. `worthless`: never; `later`: not now. */
  open(depositor: PublicKey, relay: PublicKey, envelope: Uint8Array): OpenedLetter | 'worthless' | 'later';
  /** Our own announcement, for relays to hand out; null: none yet. */
  announcement(): Uint8Array | null;
  /** One that a relay has handed out. */
  learn(contact: PublicKey, announcement: Uint8Array): void;
  /** All relays have been asked and had nothing more. */
  drained(): void;
}

export interface OpenedLetter {
  readonly from: PublicKey;
  /** A bus frame; null: it was for the sealing itself. */
  readonly frame: Uint8Array | null;
  readonly isControl: boolean;
}

/** A letter that has come: `done` once, when what it says is durable here, or of no use; `keep`: in memory alone. */
export interface CameLetter {
  readonly from: PublicKey;
  readonly relay: PublicKey;
  readonly frame: Uint8Array;
  readonly isControl: boolean;
  readonly done: (keep: boolean) => void;
}

export interface NewPost {
  readonly to: PublicKey;
  readonly frame: Uint8Array;
  readonly kind: 'data' | 'control';
  /** What it replaces at the relay is what was left there under the same words. */
  readonly slot: string;
  /** Which of the contact's relays is tried first: the n-th in turn, or this one. */
  readonly first: number | PublicKey;
}

/** `stored` at `relay`; else nothing is promised, and when it may be tried again. */
export interface PostEnd {
  readonly became: DepositEnd | 'no-relay' | 'not-sealed';
  readonly relay: PublicKey | null;
  readonly waitSeconds: number;
}

/** Monotonic counts, named as in /metrics without the `hypha_post_` prefix. */
export interface PostCounters {
  /** Letters that a relay has taken into custody. */
  stored: number;
  /** Deposits that were refused, or not answered. */
  refused: number;
  silent: number;
  /** No receive-key of the contact was known. */
  notSealed: number;
  /** Letters that have come from relays, and of these those that were of no use. */
  came: number;
  worthless: number;
  /** Letters that could not be taken now: they stay at their relay. */
  keptBack: number;
  /** More letters at once than are let in. */
  shed: number;
  unwanted: number;
}

export interface PostOptions {
  /** Where this node's own letters are collected, and what its contacts are told. */
  readonly own: readonly PublicKey[];
  readonly configured: (contact: PublicKey) => readonly PublicKey[];
  /** Contacts that may write to this node or that it writes to. */
  readonly contacts: () => readonly PublicKey[];
}

/** What the bus has of relays. */
export interface Post {
  /** One of the contact's relays is known and within reach. */
  ready(to: PublicKey): boolean;
  /** Some relay is known for the contact, within reach or not. */
  hasRelays(to: PublicKey): boolean;
  leave(what: NewPost, ended: (end: PostEnd) => void): void;
  /** Frame body for contacts: our own relays. Null: none. */
  readonly ownList: Uint8Array | null;
  /** A contact has said where its letters may be left. */
  told(contact: PublicKey, list: Uint8Array): void;
  start(handlers: PostHandlers): void;
  stop(): void;
  readonly counters: PostCounters;
}

export interface PostHandlers {
  readonly letter: (letter: CameLetter) => void;
  /** `ready` of these contacts may have changed. */
  readonly changed: () => void;
}
