import type { Address, Subnet } from '#kernel';
import { Bundle, bundleLengthBytes } from './bundle.ts';
import type { MessageSink } from './sink.ts';

/** Bundles in the making at a time; beyond it all go. */
const openLimit = 64;

/** Where packets go out: alone, or gathered into bundles until `flush`. What goes to one address keeps its order. */
export class Post {
  readonly #sink: MessageSink;
  readonly #open = new Map<Address, Bundle>();
  /** Packets come in runs: the bundle used last is not looked up again. */
  #latestTo: Address | null = null;
  #latest: Bundle | null = null;
  #isHolding = false;
  #isPlanned = false;

  constructor(sink: MessageSink) {
    this.#sink = sink;
  }

  /** `bundleBytes`: how long a bundle with it may be; 0: it goes alone. */
  send(to: Address, packet: Buffer, bundleBytes: number): void {
    if (packet.length + bundleLengthBytes <= bundleBytes) {
      this.#gather(to, packet, bundleBytes);
      return;
    }
    this.#close(to);
    this.#sink.transmit(to, packet, 'packet');
  }

  /** The packet in a bundle of its own, filled up to `bundleBytes`. */
  sendPadded(to: Address, packet: Buffer, bundleBytes: number): void {
    this.#close(to);
    const bundle = new Bundle();
    bundle.add(packet, bundleBytes);
    bundle.add(Buffer.alloc(bundleBytes - bundle.bytes.length - bundleLengthBytes), bundleBytes);
    this.#sink.transmit(to, bundle.bytes, 'bundle');
  }

  hasRoom(to: Subnet): boolean {
    return this.#sink.hasRoom(to);
  }

  /** Until `release` nobody else needs to call `flush`. */
  hold(): void {
    this.#isHolding = true;
  }

  release(): void {
    this.#isHolding = false;
    this.flush();
  }

  flush(): void {
    this.#isPlanned = false;
    for (const to of this.#open.keys()) this.#close(to);
  }

  #gather(to: Address, packet: Buffer, bundleBytes: number): void {
    const open = to === this.#latestTo ? this.#latest : this.#open.get(to);
    if (open?.add(packet, bundleBytes) === true) return;
    if (open) this.#close(to);
    if (this.#open.size >= openLimit) for (const other of this.#open.keys()) this.#close(other);
    const bundle = new Bundle();
    bundle.add(packet, bundleBytes);
    this.#open.set(to, bundle);
    this.#latestTo = to;
    this.#latest = bundle;
    if (this.#isHolding || this.#isPlanned) return;
    this.#isPlanned = true;
    this.#sink.gathering();
  }

  #close(to: Address): void {
    const bundle = this.#open.get(to);
    if (bundle === undefined) return;
    this.#open.delete(to);
    this.#latestTo = null;
    this.#latest = null;
    this.#sink.transmit(to, bundle.bytes, 'bundle');
  }
}
