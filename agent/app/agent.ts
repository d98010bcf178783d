import type { BusEvent } from '#bus';
import type { Sequence } from '#kernel';

/** Where the parts listen, with real ports, as people write them. */
export interface Doors {
  readonly mqtt: readonly string[];
  readonly overlay: readonly string[];
  readonly api: readonly string[];
  readonly rpc: readonly string[];
}

/** A running agent. */
export interface Agent {
  readonly doors: Doors;
  /** Stops every part in the opposite order of its start. What is durable stays. */
  stop(): Promise<void>;
}

export interface ComposeOptions {
  /** The data directory: identity, ring, state. Made if missing; one agent per directory (`disk/locked`). */
  readonly data: string;
  readonly version: string;
  /** Told of every step on a record's way, before the next is taken: tests aim their kills with it. */
  readonly observe?: (step: Step) => void;
}

/** `durable`: a commit has been synced and nobody has been told yet. The rest is the bus's own account of its streams. */
export type Step = { readonly kind: 'durable'; readonly sequence: Sequence } | BusEvent;
