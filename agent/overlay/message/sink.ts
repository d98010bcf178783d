import type { Address, PublicKey, Subnet } from '#kernel';
import type { AnnouncedMessage, MessageId, ReceivedMessage } from '../types.ts';

/** What the message machine does to the world. Called synchronously, also from inside `send`, `packet` and `tick`. */
export interface MessageSink {
  /** A message packet body (12-byte header and what follows), the callee's to keep. Encryption and routing are the node's. */
  transmit(to: Address, body: Uint8Array): void;
  /** False: so much waits on the link there that more would only wait longer, or be dropped. */
  hasRoom(to: Subnet): boolean;
  /** Asked before a complete message is acknowledged: see `OverlayOptions.store`. */
  store?(message: ReceivedMessage): Promise<boolean> | null;
  /** A complete message whose hash is right; at most once for an id while the id is remembered. */
  received(message: ReceivedMessage): void;
  /** Asked at INIT, before anything is kept. */
  admit(announced: AnnouncedMessage): boolean;
  /** A node of ours is there: it answers the DONE of what it has completed. */
  isOurs?(to: Address): boolean;
  /** A message there waits in vain; `inRow`: how many waits since anything was answered, or the route changed. */
  waitedInVain?(to: Address, inRow: number): void;
  /** READ of a message that is not known here (any more). */
  read?(id: MessageId, from: Origin): void;
}

/** Whose key the packet was sealed with, and the address it came from (any in that key's /64). */
export interface Origin {
  readonly key: PublicKey;
  readonly address: Address;
}
