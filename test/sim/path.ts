import type { Chance } from './chance.ts';
import type { World } from './world.ts';

/** What one direction between two hosts is like. TCP: bytes are late or stuck, never lost within a living link. */
export interface PathConditions {
  delayMs: number;
  /** Up to this much is added to each delay; order within a link is kept. */
  jitterMs: number;
  /** Null: unlimited. Shared by all links of this direction. */
  bytesPerMs: number | null;
}

/** One direction between two hosts. */
export class Path {
  readonly conditions: PathConditions;
  readonly pipes = new Set<Pipe>();
  readonly world: World;
  readonly chance: Chance;
  blocked = false;
  #freeAt = 0;

  constructor(world: World, chance: Chance, defaults: PathConditions) {
    this.world = world;
    this.chance = chance;
    this.conditions = { ...defaults };
  }

  arrivalOf(bytes: number): number {
    const { delayMs, jitterMs, bytesPerMs } = this.conditions;
    const start = Math.max(this.world.now, this.#freeAt);
    const sent = bytesPerMs === null ? start : start + bytes / bytesPerMs;
    this.#freeAt = sent;
    return sent + delayMs + (jitterMs === 0 ? 0 : this.chance.fraction() * jitterMs);
  }
}

/** What one link has under way in one direction: first in, first out. */
export class Pipe {
  readonly #path: Path;
  #items: { readonly at: number; readonly arrive: () => void }[] = [];
  #last = 0;

  constructor(path: Path) {
    this.#path = path;
    path.pipes.add(this);
  }

  push(bytes: number, arrive: () => void): void {
    const at = Math.max(this.#last, this.#path.arrivalOf(bytes));
    this.#last = at;
    this.#items.push({ at, arrive });
    this.#path.world.plan(at - this.#path.world.now, () => this.pump());
  }

  pump(): void {
    while (!this.#path.blocked) {
      const head = this.#items[0];
      if (head === undefined || head.at > this.#path.world.now) return;
      this.#items.shift();
      head.arrive();
    }
  }

  close(): void {
    this.#items = [];
    this.#path.pipes.delete(this);
  }
}
