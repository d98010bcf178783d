import type { Address, Subnet } from '#kernel';
import { Bundle, bundleLengthBytes } from './bundle.ts';
import type { MessageSink } from './sink.ts';

/** Bundles in the making at a time; beyond it all go. */
const openLimit = 64;

/** Where packets go out: alone, or gathered into bundles until `flush`. What goes to one address keeps its order. */
export class Post {
  readonly #sink: MessageSink;
  readonly #bundleBytes: number;
  readonly #open = new Map<Address, Bundle>();
  /** Packets come in runs: the bundle used last is not looked up again. */
  #latestTo: Address | null = null;
  #latest: Bundle | null = null;
  #isHolding = false;
  #isPlanned = false;

  constructor(sink: MessageSink, bundleBytes: number) {
    this.#sink = sink;
    this.#bundleBytes = bundleBytes;
  }

  get bundles(): boolean {
    return this.#bundleBytes > 0;
  }

  send(to: Address, packet: Buffer, inBundle: boolean): void {
    if (inBundle && packet.length + bundleLengthBytes <= this.#bundleBytes) {
      this.#gather(to, packet);
      return;
    }
    this.#close(to);
    this.#sink.transmit(to, packet, 'packet');
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

  #gather(to: Address, packet: Buffer): void {
    const open = to === this.#latestTo ? this.#latest : this.#open.get(to);
    if (open?.add(packet) === true) return;
    if (open) this.#close(to);
    if (this.#open.size >= openLimit) for (const other of this.#open.keys()) this.#close(other);
    const bundle = new Bundle(this.#bundleBytes);
    bundle.add(packet);
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
