const clearToEnd = '\x1b[J';
const clearLine = '\x1b[K';

/** Draws frames over one another in place; without a terminal it shows nothing. */
export class Screen {
  readonly #out: NodeJS.WriteStream;
  #drawn = 0;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    if (out.isTTY) out.write('\x1b[?25l');
  }

  get rows(): number {
    return this.#out.rows ?? 24;
  }

  draw(lines: readonly string[]): void {
    if (!this.#out.isTTY) return;
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A\r` : '';
    this.#out.write(`${up}${lines.map((line) => `${line}${clearLine}\n`).join('')}${clearToEnd}`);
    this.#drawn = lines.length;
  }

  /** Leaves the last frame standing and the cursor below it. */
  close(): void {
    if (this.#out.isTTY) this.#out.write('\x1b[?25h');
  }
}
