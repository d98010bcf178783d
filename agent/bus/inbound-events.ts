import type { Epoch, PublicKey, Sequence } from '#kernel';
import type { Appended, Entry, Lane } from '#ring';
import type { Loss } from './arrival.ts';
import type { Budget } from './budget.ts';
import type { Batch, Hello } from './frame.ts';
import type { Lives } from './lives.ts';
import type { StreamMemory } from './memory.ts';
import type { HeldLetter } from './relay/held.ts';
import type { Alarm, BusEvent, Delivered } from './types.ts';

export interface InboundOptions {
  readonly self: PublicKey;
  readonly from: PublicKey;
  readonly lane: Lane;
  readonly lives: Pick<Lives, 'present' | 'restoredSince'>;
  readonly memory: StreamMemory;
  readonly budget: Budget;
  readonly accepts: (topic: string) => boolean;
  readonly hasStored: (origin: PublicKey, epoch: Epoch, born: Sequence) => boolean;
  readonly append: (entries: readonly Entry[]) => Appended;
  /** 8 random bytes as hex. */
  readonly token: () => string;
}

export type InboundEvent =
  /** `restored`: the sender's ring comes from a backup. */
  | { readonly kind: 'hello'; readonly frame: Hello; readonly restored?: boolean }
  | { readonly kind: 'batch'; readonly frame: Batch; readonly bytes: number }
  /** A batch that came by a relay; the answer is a `letter` effect, or two. */
  | { readonly kind: 'letter'; readonly letter: HeldLetter }
  | { readonly kind: 'durable'; readonly upTo: Sequence }
  | { readonly kind: 'room' }
  /** A message of ours has ended, or (`taken` false) the overlay had no room for it. */
  | { readonly kind: 'sent'; readonly taken: boolean }
  | { readonly kind: 'timer' };

export type InboundCount = 'malformed' | 'shed' | 'strayed';

export type InboundEffect =
  | { readonly kind: 'send'; readonly payload: Uint8Array }
  /** `kept`: in memory alone, its relay must keep it; `done`: of no use. Those that are stored are named by `receipt`. */
  | { readonly kind: 'letter'; readonly id: number; readonly became: 'kept' | 'done' }
  /** To be left at a relay; then these letters are done with. */
  | { readonly kind: 'receipt'; readonly payload: Uint8Array; readonly ids: readonly number[] }
  | { readonly kind: 'deliver'; readonly records: readonly Delivered[] }
  | { readonly kind: 'gap'; readonly loss: Loss }
  | { readonly kind: 'count'; readonly what: InboundCount }
  | { readonly kind: 'alarm'; readonly alarm: Alarm }
  | { readonly kind: 'report'; readonly event: BusEvent };
