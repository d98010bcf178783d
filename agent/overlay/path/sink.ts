import type { Address, PublicKey, Subnet } from '#kernel';
import type { AnnouncedMessage, ReceivedMessage } from '../types.ts';
import type { Letter } from './letter.ts';

/** What the better path does to the world. Called synchronously, also from inside `send`, `packet` and `tick`. */
export interface PathSink {
  /**
   * The body of a path packet: `head`, then `tail`. `head` is only lent; `tail` is a stretch of a message's payload. Encryption
   * and routing are the node's.
   */
  transmitPath(to: Address, head: Uint8Array, tail: Uint8Array | null): void;
  /** False: so much waits on the link there that more would only wait longer, or be dropped. */
  hasRoom(to: Subnet): boolean;
  hasRoute(to: Subnet): boolean;
  /** Something waits for others to go with it: call `flush` soon. */
  gathering(): void;
  /** Asked before a complete message is acknowledged: see `OverlayOptions.store`. */
  store?(message: ReceivedMessage): Promise<boolean> | null;
  /** A complete message; at most once for an id while the id is remembered, in whatever form it comes. */
  received(message: ReceivedMessage): void;
  /** Asked at the first bytes of a message, before anything is kept. */
  admit(announced: AnnouncedMessage): boolean;
  /** Nothing is answered there, the `inRow`-th time since anything was, or since the route changed. */
  waitedInVain(to: Subnet, inRow: number): void;
  /** A node of ours has been found there. */
  found(subnet: Subnet): void;
  /** The far side does not answer on this path though there is a route: the message goes on in the messages of old. */
  handOver(letter: Letter): void;
  /** An application at the far side has taken a message that this path does not know (any more). */
  read(id: ReceivedMessage['id'], from: { readonly key: PublicKey; readonly address: Address }): void;
}
