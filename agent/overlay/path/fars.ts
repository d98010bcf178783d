import { subnetOf } from '#crypto';
import type { Address, Instant, PublicKey } from '#kernel';
import { Far } from './far.ts';
import type { PathOptions } from './options.ts';

/** What is known about other nodes, bounded: without a session first, then whoever was quiet for longest. */
export class Fars {
  readonly #options: PathOptions;
  readonly #known = new Map<PublicKey, Far>();

  constructor(options: PathOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#known.size;
  }

  known(key: PublicKey): Far | undefined {
    return this.#known.get(key);
  }

  all(): IterableIterator<Far> {
    return this.#known.values();
  }

  /** Null: there is no room, every other one has messages. */
  of(key: PublicKey, address: Address, now: Instant): Far | null {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#known.size >= this.#options.destinations && !this.#forgetOne()) return null;
    const far = new Far(key, subnetOf(address), address, this.#options.ackWithin, now);
    this.#known.set(key, far);
    return far;
  }

  #forgetOne(): boolean {
    let least: Far | null = null;
    for (const far of this.#known.values()) {
      if (far.isIdle && (least === null || rank(far) < rank(least))) least = far;
    }
    return least !== null && this.#known.delete(least.key);
  }
}

const rank = (far: Far): number => (far.session === null ? far.usedAt - 1e15 : far.usedAt);
