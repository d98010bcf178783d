import { type Log, messageOf } from '#kernel';

/** What has been started, so that it can be stopped in the opposite order, all of it, also when a stop goes wrong. */
export class Undo {
  readonly #steps: { readonly what: string; readonly stop: () => void | Promise<void> }[] = [];

  add(what: string, stop: () => void | Promise<void>): void {
    this.#steps.push({ what, stop });
  }

  async run(log: Log): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.stop();
      } catch (error) {
        log.warn('stop-went-wrong', { part: step.what, why: messageOf(error) });
      }
    }
  }
}
