/** What ava's TAP stream came to. `failed` also counts what failed outside any test: a file that crashed or has no test. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/**
 * Adds up a TAP stream as it comes, in whatever pieces. `shown` gets each failure with its details, line by line.
 * A stream that never reached its plan (`1..N`) counts as one failure more: the runner died.
 */
export class TapReader {
  readonly #tally: Tally = { passed: 0, failed: 0, skipped: 0 };
  readonly #shown: (line: string) => void;
  #partial = '';
  #planSeen = false;
  #failing = false;

  constructor(shown: (line: string) => void) {
    this.#shown = shown;
  }

  take(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) this.#line(line);
  }

  end(): Tally {
    if (this.#partial !== '') this.#line(this.#partial);
    if (!this.#planSeen) this.#tally.failed++;
    return this.#tally;
  }

  #line(line: string): void {
    if (/^(not )?ok \d+/.test(line)) this.#result(line);
    else if (/^1\.\.\d+$/.test(line)) this.#planSeen = true;
    else if (this.#failing || !(line.startsWith('#') || line.startsWith('TAP ') || line === '')) this.#shown(line);
    if (line === '  ...') this.#failing = false;
  }

  #result(line: string): void {
    this.#failing = false;
    if (/ # (SKIP|TODO)$/.test(line)) {
      this.#tally.skipped++;
      this.#shown(line);
    } else if (line.startsWith('ok')) this.#tally.passed++;
    else {
      this.#tally.failed++;
      this.#failing = true;
      this.#shown(line);
    }
  }
}
