import type { Lane } from '#ring';

/** A reading as its publisher knows it. */
export interface Published {
  readonly id: number;
  readonly lane: Lane;
  /** The agent at which it was published. */
  readonly at: string;
  /** Durable at its origin, and the publisher was told. */
  acknowledged: boolean;
  /** Its agent died before it could say. */
  orphaned: boolean;
  /** An older image of its ring was restored: nobody is owed it, and it may have crossed all the same. */
  forfeited: boolean;
}

/** A record as it lies in some agent's ring. */
export interface Witnessed {
  /** Epoch and sequence in that ring. */
  readonly place: string;
  readonly sequence: number;
  readonly id: number;
  readonly lane: Lane;
}

/**
 * The account of a simulation: what was published and acknowledged, what was found in each ring. It knows nothing of
 * the bus; it is the promise of HOUSE.md, written down: every acknowledged reading exactly once, in order per origin
 * and lane, nothing invented.
 */
export class Ledger {
  readonly #published: Published[] = [];
  readonly #rings = new Map<string, Map<string, Witnessed>>();
  /** By ring: which reading the links were told to lie at which place. */
  readonly #handed = new Map<string, Map<string, number>>();

  publish(at: string, lane: Lane): Published {
    const published = {
      id: this.#published.length + 1,
      lane,
      at,
      acknowledged: false,
      orphaned: false,
      forfeited: false,
    };
    this.#published.push(published);
    return published;
  }

  witness(ring: string, record: Witnessed): void {
    const known = this.#ring(ring).get(record.place);
    if (known !== undefined && known.id !== record.id) {
      throw new Error(`ring ${ring}: ${record.place} held reading ${known.id} and now ${record.id}`);
    }
    this.#ring(ring).set(record.place, record);
  }

  /** The links were handed this reading as the one at that place of the ring. */
  hand(ring: string, place: string, id: number): void {
    const known = this.#handed.get(ring) ?? new Map<string, number>();
    this.#handed.set(ring, known.set(place, id));
  }

  /** Readings that were handed over under a place that holds another one, or none. */
  misplaced(ring: string): string[] {
    return [...(this.#handed.get(ring) ?? [])]
      .filter(([place, id]) => this.#ring(ring).get(place)?.id !== id)
      .map(([place, id]) => `${ring}: reading ${id} was handed over as ${place}, where it does not lie`);
  }

  /** Its agent has died: what it has not acknowledged by now it never will. */
  died(at: string): void {
    for (const one of this.#published) if (one.at === at && !one.acknowledged) one.orphaned = true;
  }

  /** To be called when an image of its disk is made; what is returned, when that image is restored. */
  imaged(at: string): () => void {
    const safe = new Set(this.#published.filter((one) => one.at === at && one.acknowledged));
    return () => {
      for (const one of this.#published) if (one.at === at && !safe.has(one)) one.forfeited = true;
    };
  }

  /**
   * To be called when an image of a far ring's disk is made; what is returned, when that image is restored: what came
   * there since is gone, though its senders were told that it had come.
   */
  ringImaged(ring: string): () => void {
    const kept = new Set(this.#ring(ring).keys());
    return () => {
      for (const [place, { id }] of this.#ring(ring)) {
        if (kept.has(place)) continue;
        const published = this.#published[id - 1];
        if (published !== undefined) published.forfeited = true;
        this.#ring(ring).delete(place);
        this.#handed.get(ring)?.delete(place);
      }
    };
  }

  /** Readings whose publisher still waits. */
  undecided(at: string): number {
    return this.#published.filter((one) => one.at === at && !one.acknowledged && !one.orphaned).length;
  }

  get acknowledged(): number {
    return this.#published.filter((one) => one.acknowledged).length;
  }

  found(ring: string): number {
    return this.#ring(ring).size;
  }

  /** Acknowledged readings of these origins that the ring does not have. */
  missing(ring: string, origins: readonly string[]): Published[] {
    const there = new Set([...this.#ring(ring).values()].map((record) => record.id));
    return this.#published.filter(
      (one) => one.acknowledged && !one.forfeited && origins.includes(one.at) && !there.has(one.id),
    );
  }

  foundOf(ring: string, origins: readonly string[]): number {
    return [...this.#ring(ring).values()].filter((record) => origins.includes(this.#originOf(record))).length;
  }

  /** Readings of these origins that the one ring has and the other has not. */
  unshared(from: string, to: string, origins: readonly string[]): number {
    const there = new Set([...this.#ring(to).values()].map((record) => record.id));
    const here = [...this.#ring(from).values()].filter((record) => origins.includes(this.#originOf(record)));
    return here.filter(({ id }) => !there.has(id) && this.#published[id - 1]?.forfeited !== true).length;
  }

  #originOf(record: Witnessed): string {
    return this.#published[record.id - 1]?.at ?? '';
  }

  /** What is wrong with what a ring has, whatever may still come. */
  faults(ring: string, origins: readonly string[]): string[] {
    const records = [...this.#ring(ring).values()].sort((a, b) => a.sequence - b.sequence);
    const faults: string[] = [];
    const seen = new Set<number>();
    const last = new Map<string, number>();
    for (const { id, lane, place } of records) {
      const published = this.#published[id - 1];
      if (published === undefined || !origins.includes(published.at)) {
        faults.push(`${ring}: reading ${id} at ${place} was never published there`);
        continue;
      }
      if (seen.has(id)) faults.push(`${ring}: reading ${id} twice, again at ${place}`);
      seen.add(id);
      if (lane !== published.lane)
        faults.push(`${ring}: reading ${id} on lane ${lane}, published on ${published.lane}`);
      const flow = `${published.at}/${lane}`;
      const before = last.get(flow) ?? 0;
      if (id < before) faults.push(`${ring}: reading ${id} of ${flow} after ${before}`);
      last.set(flow, Math.max(before, id));
    }
    return faults;
  }

  #ring(name: string): Map<string, Witnessed> {
    let ring = this.#rings.get(name);
    if (ring === undefined) this.#rings.set(name, (ring = new Map()));
    return ring;
  }
}
