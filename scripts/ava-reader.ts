/** What a run of ava came to. `failed` also counts what failed outside any test: a crash, a file without tests, a hang. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

type Kind = keyof Tally | 'other';

/** Line by line, as ava 8's reporter writes without a terminal. (Its TAP reporter dies of a test that hangs.) */
const kinds: readonly (readonly [RegExp, Kind])[] = [
  [/^ {2}✔ /, 'passed'],
  [/^ {2}- \[(skip|todo)\] /, 'skipped'],
  [/^ {2}✘ Timed out while running tests/, 'other'],
  [/^ {2}✘ /, 'failed'],
  [/^ {2}◌ /, 'failed'],
  [/^ {2}(Uncaught exception|Unhandled rejection) in /, 'failed'],
  [/^ {2}Failed to exit when running /, 'failed'],
];

const rule = '  ─';
const summaryLine = /^ {2}\d+ (tests?|known failures?|uncaught exceptions?|unhandled rejections?) /;

/**
 * Adds up ava's output as it comes, in whatever pieces. `shown` gets every line but those of tests that passed. Output
 * that never reached its summary counts as one failure more: the runner died.
 */
export class AvaReader {
  readonly #tally: Tally = { passed: 0, failed: 0, skipped: 0 };
  readonly #shown: (line: string) => void;
  #partial = '';
  #details = false;
  #summed = false;

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
    if (!this.#summed) this.#tally.failed++;
    return this.#tally;
  }

  #line(line: string): void {
    if (line === rule) this.#details = true;
    if (this.#details && summaryLine.test(line)) this.#summed = true;
    const kind = this.#details ? 'other' : (kinds.find(([pattern]) => pattern.test(line))?.[1] ?? 'other');
    if (kind !== 'other') this.#tally[kind]++;
    if (kind !== 'passed' && line.trim() !== '') this.#shown(line);
  }
}
