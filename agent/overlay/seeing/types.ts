import type { Address, PublicKey } from '#kernel';
import type { SeenPacket } from './packet-ring.ts';
import type { TraceOptions, TraceReport } from './trace.ts';

/** A link stands or stands no more. */
export interface PeerChange {
  readonly endpoint: string;
  readonly kind: 'static' | 'inbound' | 'link-local';
  readonly state: 'up' | 'down';
  /** What ended it, and how long it stood; null while it stands. */
  readonly why: string | null;
  readonly stoodForMs: number | null;
}

/** What can be seen of a node from outside it. */
export interface Sight {
  /** The latest packets on all links, oldest first. */
  packets(limit: number): readonly SeenPacket[];
  /**
   * Asks the routers on the way to a node who they are. Null: too many at once. Reports come later; the function that is
   * returned ends it without an `end`.
   */
  trace(
    to: PublicKey | Address,
    options: Partial<TraceOptions>,
    report: (report: TraceReport) => void,
  ): (() => void) | null;
  onPeer(listener: (change: PeerChange) => void): () => void;
}
