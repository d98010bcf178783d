import { size } from './output.ts';

const everyMs = 500;

/** How far it has come, on a terminal's standard error, in one line that is written over. */
export class Progress {
  readonly #what: string;
  #shownAt = 0;
  #shown = false;

  constructor(what: string) {
    this.#what = what;
  }

  at(bytes: number): void {
    const now = performance.now();
    if (!process.stderr.isTTY || now - this.#shownAt < everyMs) return;
    this.#shownAt = now;
    this.#shown = true;
    process.stderr.write(`\r${this.#what}: ${size(bytes)} `);
  }

  end(): void {
    if (this.#shown) process.stderr.write('\r\x1b[K');
  }
}
