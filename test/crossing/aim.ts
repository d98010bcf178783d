/**
 * Where a test wants an agent to die, told to `agent.ts` over its IPC channel. `skip` lets that many chances pass.
 *
 * - `after-sync`: a sync of a ring file has returned, and nobody who waits for it knows.
 * - `acked`: the far end's acknowledgement has come, and the cursor that it moves is not committed.
 * - `stored`: records that came over the bus are stored or being stored, and no acknowledgement has left.
 * - `sent`: a batch is on its way.
 */
export interface Aim {
  readonly at: 'after-sync' | 'acked' | 'stored' | 'sent';
  readonly skip: number;
}

/** Counts chances down to the one that is meant. */
export class Trigger {
  readonly #fire: () => void;
  #aim: Aim | null = null;
  #left = 0;

  constructor(fire: () => void) {
    this.#fire = fire;
  }

  arm(aim: Aim): void {
    this.#aim = aim;
    this.#left = aim.skip;
  }

  chance(at: string): void {
    if (this.#aim?.at === at && this.#left-- <= 0) this.#fire();
  }
}
