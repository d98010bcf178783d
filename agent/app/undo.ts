import { AgentError, after, type Env, messageOf, seconds } from '#kernel';

/** A part that does not stop in this time (a disk that hangs) is left behind: what is durable does not depend on it. */
const patience = seconds(10);

/** What has been started, so that it can be stopped in the opposite order, all of it, also when a stop goes wrong. */
export class Undo {
  readonly #env: Pick<Env, 'clock' | 'log'>;
  readonly #steps: { readonly what: string; readonly stop: () => void | Promise<void> }[] = [];

  constructor(env: Pick<Env, 'clock' | 'log'>) {
    this.#env = env;
  }

  add(what: string, stop: () => void | Promise<void>): void {
    this.#steps.push({ what, stop });
  }

  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await this.#within(step.what, step.stop);
      } catch (error) {
        this.#env.log.warn('stop-went-wrong', { part: step.what, why: messageOf(error) });
      }
    }
  }

  async #within(what: string, stop: () => void | Promise<void>): Promise<void> {
    const { clock } = this.#env;
    let giveUp = (): void => undefined;
    const timer = clock.at(after(clock.now(), patience), () => giveUp());
    const tooLong = new Promise<never>((_, reject) => {
      giveUp = () => reject(new AgentError('app/stop', 'retry', `${what}: still not stopped after ${patience} ms`));
    });
    await Promise.race([stop(), tooLong]).finally(() => timer.cancel());
  }
}
