import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type Bus, createBus } from '#bus';
import { identityOf } from '#crypto';
import { type Endpoint, type Log, milliseconds, type PublicKey } from '#kernel';
import { createLinks } from '#links';
import { createOverlay, type Overlay } from '#overlay';
import { realEnv } from '#platform';
import { type NewMessage, openRing, type Ring } from '#ring';

const rounds = Number(process.env['ROUNDS'] ?? 3);
const count = Number(process.env['COUNT'] ?? 200_000);
const payloadBytes = 200;
const perAppend = 250;

const quiet: Log = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, with: () => quiet };
const env = realEnv(quiet);

interface Station {
  readonly ring: Ring;
  readonly overlay: Overlay;
  readonly bus: Bus;
  arrived: number;
  stop(): Promise<void>;
}

type Names = ReadonlyMap<string, PublicKey>;

async function station(
  name: 'a' | 'b',
  secret: Uint8Array,
  names: Names,
  peers: readonly Endpoint[],
): Promise<Station> {
  const directory = mkdtempSync(`${tmpdir()}/hypha-bench-`);
  const ring = await openRing(env, {
    directory: `${directory}/ring`,
    sizeBytes: 256 << 20,
    full: 'refuse',
    commitWindow: milliseconds(0),
  });
  const overlay = createOverlay(env, identityOf(secret), {
    listen: [{ host: '127.0.0.1', port: 0 }],
    peers,
    transit: false,
    admit: (announced) => bus.admits(announced),
    received: (message) => {
      bus.receive(message);
    },
  });
  const link = { name: 'b', to: 'b', prefix: '', lane: 1, qos: 2, qos0: 'store', retain: true, ttl: null } as const;
  const links = createLinks(
    { env, ring },
    {
      links: name === 'a' ? [{ ...link, topics: ['plant/#'] }] : [],
      accepts: name === 'b' ? [{ from: 'a', topics: ['#'] }] : [],
      contacts: names,
      deliver: (messages) => {
        made.arrived += messages.length;
      },
    },
  );
  const bus = createBus({ env, overlay, ring }, links.port);
  const stop = async (): Promise<void> => {
    bus.stop();
    links.stop();
    await overlay.stop();
    await ring.close();
    rmSync(directory, { recursive: true, force: true });
  };
  const made: Station = { ring, overlay, bus, arrived: 0, stop };
  links.start(bus);
  bus.start();
  await overlay.start();
  return made;
}

/** Appends as fast as the near ring syncs. */
async function publish(ring: Ring): Promise<void> {
  const body = Buffer.alloc(payloadBytes + 1, 'x');
  body[0] = 0;
  const topics = Array.from({ length: 20 }, (_, index) => `plant/line-${index}/temperature`);
  for (let sent = 0; sent < count; sent += perAppend) {
    const entries = Array.from(
      { length: perAppend },
      (_, index): NewMessage => ({
        kind: 'message',
        topic: topics[index % topics.length] ?? '',
        lane: 1,
        qos: 1,
        retain: false,
        latest: 'none',
        body,
        provenance: null,
        age: milliseconds(0),
      }),
    );
    const appended = ring.append(entries);
    if (!appended.ok) {
      sent -= perAppend;
      await new Promise((resolve) => setTimeout(resolve, 1));
    } else if (sent % (perAppend * 4) === 0) await ring.whenDurable(appended.last);
  }
}

const reached = (done: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (done()) resolve();
      else setTimeout(look, 1);
    };
    look();
  });

interface Speed {
  readonly near: number;
  readonly crossed: number;
  readonly cpuMicros: number;
}

async function measure(): Promise<Speed> {
  const [secretA, secretB] = [env.random.bytes(32), env.random.bytes(32)];
  const names: Names = new Map([
    ['a', identityOf(secretA).publicKey],
    ['b', identityOf(secretB).publicKey],
  ]);
  const b = await station('b', secretB, names, []);
  const a = await station('a', secretA, names, b.overlay.listening);
  const to = names.get('b');
  await reached(() => to !== undefined && a.overlay.reachable(to));
  const cpu = process.cpuUsage();
  const began = performance.now();
  await publish(a.ring);
  const nearMs = performance.now() - began;
  await reached(() => b.arrived >= count);
  const crossedMs = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  await a.stop();
  await b.stop();
  return {
    near: (count / nearMs) * 1000,
    crossed: (count / crossedMs) * 1000,
    cpuMicros: (user + system) / count,
  };
}

/** 200-byte readings from ring to ring, both durable, encrypted over TCP loopback, both agents in this process. */
export async function run(): Promise<void> {
  const speeds: Speed[] = [];
  for (let round = 0; round < rounds; round++) speeds.push(await measure());
  const median = (of: (speed: Speed) => number) => speeds.map(of).sort((x, y) => x - y)[speeds.length >> 1] ?? 0;
  const near = median((speed) => speed.near);
  const crossed = median((speed) => speed.crossed);
  console.log(`medians of ${rounds} rounds of ${count} readings of ${payloadBytes} bytes, 20 topics, one process`);
  console.log(`near ring, durable             ${Math.round(near).toLocaleString('en').padStart(9)} /s`);
  console.log(
    `far ring, durable, delivered   ${Math.round(crossed).toLocaleString('en').padStart(9)} /s  ${(crossed / near).toFixed(2)} of the near ring`,
  );
  console.log(
    `CPU, both ends together        ${median((speed) => speed.cpuMicros)
      .toFixed(1)
      .padStart(9)} µs a reading`,
  );
}
