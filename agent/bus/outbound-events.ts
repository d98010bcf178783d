import type { PublicKey, Sequence } from '#kernel';
import type { GapRecord, Lane, MessageRecord } from '#ring';
import type { Ack, Receipt, Reset, Welcome } from './frame.ts';
import type { Lives } from './lives.ts';
import type { Alarm, BusEvent, OutgoingRule } from './types.ts';

export interface OutboundOptions {
  readonly self: PublicKey;
  readonly to: PublicKey;
  readonly lane: Lane;
  readonly lives: Pick<Lives, 'present' | 'restoredSince' | 'mayBeOurs'>;
  readonly rule: (record: MessageRecord) => OutgoingRule | null;
  /** The cursor's value. */
  readonly value: Uint8Array | null;
  /** How far letters lie at relays, as the ring keeps it; undefined: nothing goes by relays. */
  readonly mark?: Uint8Array | null | undefined;
  /** 8 random bytes as hex. */
  readonly nonce: () => string;
  /** Uniform in [0, 1), for jitter. */
  readonly fraction: () => number;
}

export type OutboundEvent =
  /** `reachable`: is there a route now? */
  | { readonly kind: 'route'; readonly reachable: boolean }
  /** The cursor may have something to read. */
  | { readonly kind: 'readable' }
  /** The answer to a `read`; `more` as the cursor says now. */
  | { readonly kind: 'items'; readonly items: readonly (MessageRecord | GapRecord)[]; readonly more: boolean }
  /** `restored`: the far ring comes from a backup. */
  | {
      readonly kind: 'welcome';
      readonly frame: Welcome;
      readonly restored?: boolean;
      /** It reads gaps that are told whole. */
      readonly readsToldGaps?: boolean;
    }
  | { readonly kind: 'ack'; readonly frame: Ack }
  | { readonly kind: 'reset'; readonly frame: Reset }
  /** What became of message `id`; `refused`: the overlay had no room for it. */
  | { readonly kind: 'message'; readonly id: number; readonly became: 'received' | 'aborted' | 'refused' }
  /** A relay of the contact's is, or is not, within reach. */
  | { readonly kind: 'relays'; readonly isReady: boolean }
  /** What became of a `leave`; `relay` null: it lies nowhere. */
  | { readonly kind: 'left'; readonly id: number; readonly relay: PublicKey | null; readonly waitSeconds: number }
  /** By way of a relay, sealed by the contact. */
  | { readonly kind: 'receipt'; readonly frame: Receipt }
  | { readonly kind: 'timer' };

export type OutboundEffect =
  | { readonly kind: 'send'; readonly id: number; readonly payload: Uint8Array; readonly deadlineMs: number }
  | { readonly kind: 'abort'; readonly id: number }
  /** To be sealed and left at a relay, the `turn`-th of the contact's first; in place of what has the same slot. */
  | {
      readonly kind: 'leave';
      readonly id: number;
      readonly payload: Uint8Array;
      readonly slot: string;
      readonly turn: number;
    }
  /** How far letters lie at relays, for the next start. */
  | { readonly kind: 'mark'; readonly value: Uint8Array | null }
  /** Ask whether there is a route; the answer is a `route` event. */
  | { readonly kind: 'look' }
  | { readonly kind: 'read'; readonly maxRecords: number; readonly maxBytes: number }
  /** To be followed by a `readable` if there is something to read. */
  | { readonly kind: 'rewind' }
  | { readonly kind: 'settle'; readonly to: Sequence; readonly refused: number; readonly value: Uint8Array }
  | { readonly kind: 'count'; readonly what: 'far-end-restarted' }
  | { readonly kind: 'alarm'; readonly alarm: Alarm }
  | { readonly kind: 'report'; readonly event: BusEvent };
