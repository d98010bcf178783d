import { mkdirSync } from 'node:fs';
import { makePair } from '../../../test/load/pair.ts';
import { freePort } from '../../../test/load/ports.ts';
import { LinkRelay } from '../../../test/load/relay.ts';
import { MosquittoPair } from '../crossing/mosquitto.ts';

/** Two brokers with a link that can be closed; the near one keeps what waits over a restart. */
export interface Keeper {
  readonly name: string;
  readonly nearPort: number;
  readonly farPort: number;
  readonly relay: LinkRelay;
  readonly nearPid: () => number | undefined;
  /** How it is stopped before the restart. */
  readonly end: string;
  start(): Promise<void>;
  /** Ms from the spawn until it serves. */
  restartNear(): Promise<number>;
  stop(): Promise<void>;
}

export async function hypha(directory: string, megabytes: number): Promise<Keeper> {
  mkdirSync(directory, { recursive: true });
  const relay = new LinkRelay(await freePort());
  const pair = await makePair({
    directory,
    ring: `size = "${2 * megabytes}MB", commit = "5ms"`,
    via: `tcp://127.0.0.1:${relay.port}`,
  });
  return {
    name: 'hypha',
    nearPort: pair.gateway.mqttPort,
    farPort: pair.hub.mqttPort,
    relay,
    nearPid: () => pair.gateway.pid,
    end: 'SIGKILL',
    start: async () => {
      await relay.open(pair.hub.overlayPort);
      await Promise.all([pair.hub.start(), pair.gateway.start()]);
    },
    restartNear: async () => {
      await pair.gateway.kill();
      await pair.gateway.start();
      return pair.gateway.readyAfterMs;
    },
    stop: async () => {
      await Promise.all([pair.gateway.stop(30_000), pair.hub.stop(30_000)]);
      await relay.close();
    },
  };
}

export async function mosquitto(directory: string): Promise<Keeper> {
  mkdirSync(directory, { recursive: true });
  const relay = new LinkRelay(await freePort());
  const pair = await MosquittoPair.create(directory, relay.port, 'kept on disk');
  return {
    name: 'mosquitto',
    nearPort: pair.nearPort,
    farPort: pair.farPort,
    relay,
    nearPid: () => pair.nearPid,
    end: 'SIGTERM',
    start: async () => {
      await relay.open(pair.tlsPort);
      await pair.start();
    },
    restartNear: () => pair.restartNear(),
    stop: async () => {
      await pair.stop();
      await relay.close();
    },
  };
}
