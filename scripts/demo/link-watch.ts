import type { AgentProcess } from '../../test/load/agent-process.ts';

/** What the near gateway says of its link. */
export interface LinkState {
  readonly inFlight: number;
  readonly roundTripMs: number | null;
  readonly lastAckAgoMs: number | null;
}

/** Asks the gateway's own API a few times a second, one question at a time. */
export class LinkWatch {
  state: LinkState | null = null;
  readonly #gateway: AgentProcess;
  readonly #timer: NodeJS.Timeout;
  #asking = false;

  constructor(gateway: AgentProcess) {
    this.#gateway = gateway;
    this.#timer = setInterval(() => void this.#ask(), 150);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    this.state = await this.#gateway.ask('links').then(
      (links) => (Array.isArray(links) ? ((links[0] as LinkState | undefined) ?? null) : null),
      () => null,
    );
    this.#asking = false;
  }
}
