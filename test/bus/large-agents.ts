import { join } from 'node:path';
import { type AgentPlace, hypha, placeAgent, RunningAgent } from '../cli/hypha.ts';
import { unusedPort } from '../contracts/unused-port.ts';
import { memoryOf } from '../load/memory.ts';
import { LinkRelay } from '../load/relay.ts';

/** Two agents as processes, and between them a link that counts. The hub takes files of the gateway under its name. */
export class FilesAgents {
  gateway: RunningAgent;
  hub: RunningAgent;
  readonly relay: LinkRelay;
  readonly #places: { readonly gateway: AgentPlace; readonly hub: AgentPlace };

  private constructor(relay: LinkRelay, places: FilesAgents['places'], gateway: RunningAgent, hub: RunningAgent) {
    this.relay = relay;
    this.#places = places;
    this.gateway = gateway;
    this.hub = hub;
  }

  get places(): { readonly gateway: AgentPlace; readonly hub: AgentPlace } {
    return this.#places;
  }

  /** `relayed` false: the gateway dials the hub itself. */
  static async start(directory: string, relayed = true): Promise<FilesAgents> {
    const [gatewayKey, hubKey] = [await keyOf(directory, 'gateway'), await keyOf(directory, 'hub')];
    const [hubPort, relayPort] = [await unusedPort(), await unusedPort()];
    const relay = new LinkRelay(relayPort);
    await relay.open(hubPort);
    const hub = placeAgent(
      directory,
      'hub',
      `overlay = { listen = ["tcp://127.0.0.1:${hubPort}"] }
contacts = { gateway = "${gatewayKey}" }
[[accept]]
from = "*"
topics = ["{contact}/#"]
max_file = "1GB"
`,
    );
    const gateway = placeAgent(
      directory,
      'gateway',
      `overlay = { listen = [], peers = ["tcp://127.0.0.1:${relayed ? relayPort : hubPort}"] }
contacts = { hub = "${hubKey}" }
`,
    );
    const running = await RunningAgent.start(hub);
    return new FilesAgents(relay, { gateway, hub }, await RunningAgent.start(gateway), running);
  }

  /** SIGKILL, and a new life. */
  async kill(who: 'gateway' | 'hub'): Promise<void> {
    await this[who].stop('SIGKILL');
    this[who] = await RunningAgent.start(this.#places[who]);
  }

  residentMegabytes(agent: RunningAgent): number {
    try {
      return Math.round(memoryOf(agent.pid).rss);
    } catch {
      return 0;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.gateway.stop(), this.hub.stop()]);
    await this.relay.close();
  }
}

async function keyOf(directory: string, name: string): Promise<string> {
  const data = join(directory, `${name}-data`);
  const made = await hypha(['init', '--json', '--data', data, '--config', join(directory, `${name}-init.toml`)]);
  return JSON.parse(made.stdout).publicKey;
}
