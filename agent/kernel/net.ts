/**
 * Byte links as a port. Calls back synchronously from the event loop; never calls back inside `dial`, `write` or
 * `close`. Every link ends with exactly one `closed`, also one that never opened.
 */
export interface Net {
  /** Starts connecting and returns at once. `write` before `opened` is queued. */
  dial(to: Endpoint, events: LinkEvents): ByteLink;
  /** Rejects with `net/in-use` or `net/denied`. `accept` is called for every incoming link, already open. */
  listen(at: Endpoint, accept: (link: ByteLink, from: Endpoint) => LinkEvents): Promise<Listener>;
}

/** TCP over IPv4 or IPv6. `host` is a literal address or a name, without brackets. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface LinkEvents {
  opened(): void;
  /** The bytes are the receiver's to keep and not to write to. */
  received(bytes: Uint8Array): void;
  /** The write queue has emptied after a `write` that returned false. */
  drained(): void;
  /** `cause` is null when either side closed in order. */
  closed(cause: Error | null): void;
}

export interface ByteLink {
  /** Takes the bytes over. False: more than the high-water mark is queued; wait for `drained`. */
  write(bytes: Uint8Array): boolean;
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
