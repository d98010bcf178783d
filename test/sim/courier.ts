import type { ReceivedMessage } from '#overlay';
import type { Chance } from './chance.ts';
import type { World } from './world.ts';

/** Probabilities, each of one message. */
export interface CourierConditions {
  /** The overlay has said `received` at its sender, and nobody gets it. */
  loss: number;
  /** It comes after those behind it. */
  late: number;
  /** It comes once more, much later: perhaps into another session or another life. */
  again: number;
}

export const reliable: CourierConditions = { loss: 0, late: 0, again: 0 };
const latestMs = 60;
const longAfterMs = 2_500;
const heldLimit = 512;

/**
 * Between the overlay and the bus of one agent, over all its lives. The overlay promises neither that a message it has
 * handed over is kept, nor an order, and a stranger on the way may keep frames and send them again: this one does all that.
 */
export class Courier {
  conditions: CourierConditions = reliable;
  readonly #world: World;
  readonly #chance: Chance;
  #held = 0;
  #watch: ((payload: Uint8Array) => void) | null = null;

  constructor(world: World, chance: Chance) {
    this.#world = world;
    this.#chance = chance;
  }

  /** `deliver` is asked for the agent's present life when it is time. */
  carry(message: ReceivedMessage, deliver: (message: ReceivedMessage) => void): void {
    const { loss, late, again } = this.conditions;
    if (loss + late + again > 0) {
      if (this.#chance.hits(again)) this.#later(message, this.#chance.between(1, longAfterMs), deliver);
      if (this.#chance.hits(loss)) return;
      if (this.#chance.hits(late)) return this.#later(message, this.#chance.between(1, latestMs), deliver);
    }
    deliver(message);
    this.#watch?.(message.payload);
  }

  /** Calls `seen` with each payload that goes straight through, until told otherwise. */
  watch(seen: ((payload: Uint8Array) => void) | null): void {
    this.#watch = seen;
  }

  #later(message: ReceivedMessage, delayMs: number, deliver: (message: ReceivedMessage) => void): void {
    if (this.#held >= heldLimit) return;
    this.#held++;
    const kept = { ...message, payload: Uint8Array.from(message.payload) };
    this.#world.plan(delayMs, () => {
      this.#held--;
      deliver(kept);
    });
  }
}
