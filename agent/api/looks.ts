import { AgentError } from '#kernel';
import type { Left } from './gone.ts';

/** Payload bytes in answers to those who only look, on their way at a time. */
const limitBytes = 67_108_864;

/**
 * A message that is taken is gone, so that answers with taken ones are bounded by the inbox. Looking takes nothing: what
 * many who look and read slowly may cost is bounded here.
 */
export class Looks {
  #bytes = 0;

  /** `api/busy` when too much is on its way already. One answer is always let through. */
  enter(bytes: number, left: Left): void {
    if (this.#bytes > 0 && this.#bytes + bytes > limitBytes) {
      throw new AgentError('api/busy', 'retry', `inbox: ${this.#bytes} bytes on their way to others who look`);
    }
    this.#bytes += bytes;
    left(() => {
      this.#bytes -= bytes;
    });
  }
}
