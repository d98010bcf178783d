import { subnetOf } from '#crypto';
import type { Address, Subnet } from '#kernel';
import { Destination } from './destination.ts';
import type { Outgoing } from './outgoing.ts';

/** What is known about the /64s that we send to: the latest `limit` of them and all that have something under way. */
export class Destinations {
  readonly #limit: number;
  readonly #known = new Map<Subnet, Destination<Outgoing>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  known(subnet: Subnet): Destination<Outgoing> | undefined {
    return this.#known.get(subnet);
  }

  of(address: Address): Destination<Outgoing> {
    const subnet = subnetOf(address);
    const known = this.#known.get(subnet);
    if (known !== undefined) return known;
    if (this.#known.size >= this.#limit) this.#forgetOneIdle();
    const destination = new Destination<Outgoing>(subnet);
    this.#known.set(subnet, destination);
    return destination;
  }

  #forgetOneIdle(): void {
    for (const [subnet, destination] of this.#known) {
      if (destination.unfinishedCount > 0) continue;
      this.#known.delete(subnet);
      return;
    }
  }
}
