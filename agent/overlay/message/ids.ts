import type { Random } from '#kernel';
import { hexOf } from '#kernel';
import type { MessageId } from '../types.ts';

const idBytes = 8;
/** Drawn at a time: one call for random bytes costs more than all else that an id does. */
const idsAtOnce = 64;

/** Fresh message ids. */
export class Ids {
  readonly #random: Random;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): MessageId {
    if (this.#at >= this.#bytes.length) {
      this.#bytes = this.#random.bytes(idBytes * idsAtOnce);
      this.#at = 0;
    }
    this.#at += idBytes;
    return hexOf(this.#bytes.subarray(this.#at - idBytes, this.#at)) as MessageId;
  }
}
