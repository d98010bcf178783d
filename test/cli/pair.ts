import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identityOf } from '#crypto';
import { placeAgent, RunningAgent } from './hypha.ts';

/** Two agents that know each other, linked over the overlay; the gateway sends plant/# to the hub. */
export interface Pair {
  readonly gateway: RunningAgent;
  readonly hub: RunningAgent;
  stop(): Promise<void>;
}

export async function startPair(directory: string, variables: Readonly<Record<string, string>> = {}): Promise<Pair> {
  const gatewayKey = makeKey(directory, 'gateway');
  const hubKey = makeKey(directory, 'hub');
  const hub = await RunningAgent.start(
    placeAgent(
      directory,
      'hub',
      `overlay = { listen = ["tcp://127.0.0.1:0"] }
contacts = { gateway = "${gatewayKey}" }
[[accept]]
from = "*"
topics = ["{contact}/#"]
`,
    ),
    variables,
  );
  const gateway = await RunningAgent.start(
    placeAgent(
      directory,
      'gateway',
      `overlay = { listen = [], peers = ["tcp://${hub.doors['overlay']}"] }
contacts = { hub = "${hubKey}" }
[[link]]
to = "hub"
topics = ["plant/#"]
prefix = "gateway/"
`,
    ),
    variables,
  );
  return { gateway, hub, stop: async () => void (await Promise.all([gateway.stop(), hub.stop()])) };
}

/** As `hypha init` leaves it. */
function makeKey(directory: string, name: string): string {
  const data = join(directory, `${name}-data`);
  const secret = randomBytes(32);
  mkdirSync(data, { mode: 0o700 });
  writeFileSync(join(data, 'identity.key'), secret, { mode: 0o600 });
  return identityOf(secret).publicKey;
}
