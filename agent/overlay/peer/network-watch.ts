import { after, type Env, seconds, type Timer } from '#kernel';

const lookEvery = seconds(2);

/** Tells when this machine's addresses change: a cable, a modem or an access point has come or gone. */
export class NetworkWatch {
  readonly #env: Pick<Env, 'clock' | 'net'>;
  readonly #changed: () => void;
  #seen = '';
  #timer: Timer | null = null;

  constructor(env: Pick<Env, 'clock' | 'net'>, changed: () => void) {
    this.#env = env;
    this.#changed = changed;
  }

  start(): void {
    if (this.#timer !== null) return;
    this.#seen = this.#look();
    this.#plan();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #plan(): void {
    const { clock } = this.#env;
    this.#timer = clock.at(after(clock.now(), lookEvery), () => this.#compare());
  }

  #compare(): void {
    const found = this.#look();
    const isNew = found !== this.#seen;
    this.#seen = found;
    this.#plan();
    if (isNew) this.#changed();
  }

  #look(): string {
    return this.#env.net
      .interfaces()
      .map(({ name, addresses }) => `${name} ${[...addresses].sort().join(' ')}`)
      .sort()
      .join('\n');
  }
}
