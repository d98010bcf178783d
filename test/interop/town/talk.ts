import type { Endpoint, PublicKey } from '#kernel';
import type { MessageState, OverlayCounters, OverlayOptions, RouteStatus } from '#overlay';

/** What `ours-process.ts` is started with. */
export interface Setting {
  readonly secretKey: string;
  readonly port: number;
  readonly peers: readonly Endpoint[];
  readonly options: Partial<Pick<OverlayOptions, 'transit' | 'betterPath'>>;
}

export type Question =
  | { readonly kind: 'send'; readonly to: PublicKey; readonly text: string }
  | { readonly kind: 'status' };

export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'received'; readonly from: PublicKey; readonly text: string }
  | { readonly kind: 'state'; readonly text: string; readonly state: MessageState }
  | { readonly kind: 'status'; readonly counters: OverlayCounters; readonly routes: readonly RouteStatus[] };
