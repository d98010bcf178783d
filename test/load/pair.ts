import { type AgentOptions, AgentProcess } from './agent-process.ts';

export interface PairOptions {
  readonly directory: string;
  /** `[ring]` of both, as an inline table: `size = "16MB", commit = "now"`. */
  readonly ring: string;
  /** The gateway's own, when another. */
  readonly gatewayRing?: string;
  /** Where the gateway dials the hub, when not directly. */
  readonly via?: string;
  readonly gateway?: Partial<AgentOptions>;
  readonly hub?: Partial<AgentOptions>;
}

/** A gateway with a link to a hub, which accepts what comes: every reading on `plant/…` becomes `gateway/plant/…` there. */
export interface Pair {
  readonly gateway: AgentProcess;
  readonly hub: AgentProcess;
}

export const farTopic = (near: string): string => `gateway/${near}`;

export async function makePair(options: PairOptions): Promise<Pair> {
  const gateway = await AgentProcess.create({
    name: 'gateway',
    ...options.gateway,
    directory: directory(options, 'gateway'),
  });
  const hub = await AgentProcess.create({ name: 'hub', ...options.hub, directory: directory(options, 'hub') });
  const ring = (own: string | undefined): string => `ring = { ${own ?? options.ring} }\n`;
  gateway.configure(
    [options.via ?? hub.overlayUrl],
    `${ring(options.gatewayRing)}contacts = { hub = "${hub.publicKey}" }\n[[link]]\nto = "hub"\ntopics = ["plant/#"]\nprefix = "gateway/"\n`,
  );
  hub.configure(
    [],
    `${ring(undefined)}contacts = { gateway = "${gateway.publicKey}" }\n[[accept]]\nfrom = "gateway"\ntopics = ["gateway/#"]\n`,
  );
  return { gateway, hub };
}

const directory = (options: PairOptions, name: string): string => `${options.directory}/${name}`;
