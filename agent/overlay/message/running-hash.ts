import { RunningBlake3 } from '#crypto';

/** Bytes hashed at a time: short enough to hold up nothing else (0.1 ms), long enough that taking up the hash costs little. */
export const hashStepBytes = 64 * 1024;

/** The hash of a payload, worked off while it is sent or comes in, so that a long one does not stop everything at its end. */
export class RunningHash {
  readonly #running = new RunningBlake3();
  #hashedBytes = 0;

  /** The first `count` bytes of the payload are there and final. */
  reached(payload: Uint8Array, count: number): void {
    if (count - this.#hashedBytes < hashStepBytes) return;
    this.#running.update(payload.subarray(this.#hashedBytes, count));
    this.#hashedBytes = count;
  }

  /** BLAKE3-256 of the whole payload. */
  of(payload: Uint8Array): Uint8Array {
    this.#running.update(payload.subarray(this.#hashedBytes));
    return this.#running.digest();
  }
}
