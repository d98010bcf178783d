import { after, type Env, seconds, type Timer } from '#kernel';

/** While a peer of ours does not stand: it may be this machine's own cable, modem or access point. */
const whileWaiting = seconds(2);
const otherwise = seconds(10);

/** Tells when this machine's addresses change: a cable, a modem or an access point has come or gone. */
export class NetworkWatch {
  readonly #env: Pick<Env, 'clock' | 'net'>;
  readonly #isWaiting: () => boolean;
  readonly #changed: () => void;
  #seen = '';
  #timer: Timer | null = null;
  #isHastened = false;

  constructor(env: Pick<Env, 'clock' | 'net'>, isWaiting: () => boolean, changed: () => void) {
    this.#env = env;
    this.#isWaiting = isWaiting;
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

  /** A peer of ours does not stand any more. */
  hasten(): void {
    if (this.#timer === null || this.#isHastened) return;
    this.#timer.cancel();
    this.#plan();
  }

  #plan(): void {
    const { clock } = this.#env;
    this.#isHastened = this.#isWaiting();
    const every = this.#isHastened ? whileWaiting : otherwise;
    this.#timer = clock.at(after(clock.now(), every), () => this.#compare());
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
