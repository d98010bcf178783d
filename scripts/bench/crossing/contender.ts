import { mkdirSync, rmSync } from 'node:fs';
import { farTopic, makePair, type Pair } from '../../../test/load/pair.ts';
import { freePort } from '../../../test/load/ports.ts';
import { LinkRelay } from '../../../test/load/relay.ts';
import { type Limits, MosquittoPair } from './mosquitto.ts';

/** Two brokers with a link between them, as the load client sees them. */
export interface Contender {
  readonly name: string;
  readonly nearPort: number;
  readonly farPort: number;
  /** The link between the two: closed for an outage. */
  readonly relay: LinkRelay;
  readonly farTopic: (near: string) => string;
  start(): Promise<void>;
  /** CPU time of both processes so far. */
  cpuMs(): number;
  stop(): Promise<void>;
}

/** A gateway and a hub of ours, both durable, with `commit` as configured. */
export async function hyphaPair(directory: string, commit: 'now' | '5ms', relayed: boolean): Promise<Contender> {
  mkdirSync(directory, { recursive: true });
  const relay = new LinkRelay(await freePort());
  const pair = await makePair({
    directory,
    ring: `size = "512MB", commit = "${commit}"`,
    ...(relayed ? { via: `tcp://127.0.0.1:${relay.port}` } : {}),
  });
  return {
    name: `hypha, commit = "${commit}"`,
    nearPort: pair.gateway.mqttPort,
    farPort: pair.hub.mqttPort,
    relay,
    farTopic,
    start: () => startPair(pair, relay),
    cpuMs: () => pair.gateway.cpuMs() + pair.hub.cpuMs(),
    stop: async () => {
      await Promise.all([pair.gateway.stop(), pair.hub.stop()]);
      await relay.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function startPair(pair: Pair, relay: LinkRelay): Promise<void> {
  await relay.open(pair.hub.overlayPort);
  await Promise.all([pair.hub.start(), pair.gateway.start()]);
}

/** mosquitto, a bridge over TLS, mosquitto: nothing is written to disk. */
export async function mosquittoPair(
  directory: string,
  relayed: boolean,
  limits: Limits = 'all limits off',
): Promise<Contender> {
  mkdirSync(directory, { recursive: true });
  const relay = new LinkRelay(await freePort());
  const pair = await MosquittoPair.create(directory, relayed ? relay.port : null, limits);
  return {
    name: 'mosquitto, TLS bridge',
    nearPort: pair.nearPort,
    farPort: pair.farPort,
    relay,
    farTopic,
    start: async () => {
      await relay.open(pair.tlsPort);
      await pair.start();
    },
    cpuMs: () => pair.cpuMs(),
    stop: async () => {
      await pair.stop();
      await relay.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
