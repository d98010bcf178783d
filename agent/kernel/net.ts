import type { Secret } from './secret.ts';

/**
 * Byte links as a port. Calls back synchronously from the event loop; never calls back inside `dial`, `write` or
 * `close`. Every link ends with exactly one `closed`, also one that never opened.
 */
export interface Net {
  /** Starts connecting and returns at once. `write` before `opened` is queued. */
  dial(to: Endpoint, events: LinkEvents): ByteLink;
  /** Rejects with `net/in-use` or `net/denied`. `accept` is called for every incoming link, already open. */
  listen(at: Endpoint, accept: (link: ByteLink, from: Endpoint) => LinkEvents): Promise<Listener>;
  /**
   * Goes on as TLS 1.3 with a pre-shared key over a link of this network: one that has just opened, or inside `accept`.
   * The link that was given is spent and its events hear nothing more. `opened` follows when each side has shown that it
   * holds the key, else `closed` with `net/wrong-key` or `net/not-tls`. How long the far side may take is the caller's
   * to bound.
   */
  secure(link: ByteLink, side: LinkSide, key: NetworkKey, events: LinkEvents): ByteLink;
  /** The network interfaces that are up and not loopback, as they are now. */
  interfaces(): readonly NetworkInterface[];
  /** Datagrams of an IPv6 multicast group of link-local scope. Rejects with `net/in-use` and its like. */
  multicast(group: Endpoint, heard: (datagram: Uint8Array, from: DatagramSource) => void): Promise<Multicast>;
}

export type LinkSide = 'dialled' | 'accepted';

/** What the members of a private network share. */
export interface NetworkKey {
  /** 2 to 64 bytes of UTF-8; both sides must say the same. */
  readonly name: string;
  /** 32 bytes. */
  readonly key: Secret;
}

export interface NetworkInterface {
  readonly name: string;
  readonly addresses: readonly string[];
  /** It has a link-local IPv6 address, so that neighbours can be spoken to. */
  readonly hasLinkLocal: boolean;
}

/** Who sent a datagram: always a link-local address, as `Net.dial` takes it. */
export interface DatagramSource {
  readonly host: string;
  readonly interface: string;
}

/** A socket of a group. It hears nothing before it has joined on an interface; what it sends it may hear itself. */
export interface Multicast {
  /** False: the interface is gone or cannot do multicast. Joining twice changes nothing. */
  join(interfaceName: string): boolean;
  /** The interface need not exist any more. */
  leave(interfaceName: string): void;
  /** May be lost, like any datagram. */
  send(datagram: Uint8Array, interfaceName: string): void;
  close(): Promise<void>;
}

/** TCP over IPv4 or IPv6. `host` is a literal address or a name, without brackets. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface LinkEvents {
  opened(): void;
  /** The bytes are the receiver's to keep (unless it says otherwise) and not to write to. */
  received(bytes: Uint8Array): void;
  /** True: `received` keeps nothing of what it is given; the link may take the memory back when it returns. */
  readonly keepsNothing?: boolean;
  /** The write queue has emptied after a `write` that returned false. */
  drained(): void;
  /** `cause` is null when either side closed in order. */
  closed(cause: Error | null): void;
}

export interface ByteLink {
  /**
   * Takes the bytes over. False: more than the high-water mark is queued; wait for `drained`. `written` is called later, once
   * at most, when the link does not need their memory any more; some links never call it.
   */
  write(bytes: Uint8Array, written?: () => void): boolean;
  /** Bytes taken over and not yet handed to the network. */
  readonly queuedBytes: number;
  /** Stops (true) or resumes (false) `received`: back-pressure towards the far side. */
  pause(paused: boolean): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes now. */
  destroy(): void;
}

export interface Listener {
  /** The port that was really taken (for port 0). */
  readonly at: Endpoint;
  close(): Promise<void>;
}
