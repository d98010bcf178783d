/** Work that serves all who asked before it began: those who ask while it is under way share the next. */
export class SharedWork {
  readonly #work: () => Promise<void>;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | null = null;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Resolves when the work has been done from its beginning after this call. */
  run(): Promise<void> {
    this.#next ??= this.#begin();
    return this.#next;
  }

  async #begin(): Promise<void> {
    await this.#running.catch(() => undefined);
    const running = this.#work();
    this.#running = running;
    this.#next = null;
    await running;
  }
}
