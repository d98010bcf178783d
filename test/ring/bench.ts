import type { Duration, Env, Epoch, Log, LogFields, PublicKey, Sequence } from '#kernel';
import type { Entry, NewMessage, Provenance, Ring, RingOptions } from '#ring';
import { openRing } from '#ring';
import { Chance, SimulatedDisk, simulatedRandom, World } from '#sim';

/** What a ring logged, for tests that look. */
export interface Line {
  readonly level: string;
  readonly event: string;
  readonly fields: LogFields;
}

export function listLog(lines: Line[]): Log {
  const line =
    (level: string) =>
    (event: string, fields: LogFields = {}): void => {
      lines.push({ level, event, fields });
    };
  const log: Log = {
    error: line('error'),
    warn: line('warn'),
    info: line('info'),
    debug: () => undefined,
    with: () => log,
  };
  return log;
}

/** A ring on a simulated disk, in a world of its own. */
export class Bench {
  world: World;
  disk: SimulatedDisk;
  lines: Line[] = [];
  node = { alive: true, wallOffsetMs: 0 };

  constructor(seed: number, disk?: (world: World) => SimulatedDisk) {
    this.world = new World(seed);
    this.disk = disk?.(this.world) ?? new SimulatedDisk(this.world);
  }

  get env(): Env {
    return {
      clock: this.world.clock(this.node),
      random: simulatedRandom(this.world.chance.fork()),
      disk: this.disk,
      net: undefined as never,
      log: listLog(this.lines),
    };
  }

  open(options: Partial<RingOptions> = {}): Promise<Ring> {
    return this.until(openRing(this.env, { ...smallRing, ...options }));
  }

  /** Lets time pass until the promise settles. */
  async until<T>(work: Promise<T>, limitMs = 600_000): Promise<T> {
    let done = false;
    const ended = work.finally(() => {
      done = true;
    });
    ended.catch(() => undefined);
    if (!(await this.world.run(this.world.now + limitMs, () => done)))
      throw new Error(`seed ${this.world.seed}: never ends`);
    return ended;
  }

  async pass(ms: number): Promise<void> {
    await this.world.run(this.world.now + ms);
  }

  /** The process dies without a word; the disk keeps its cache. */
  kill(): void {
    this.node.alive = false;
    this.node = { alive: true, wallOffsetMs: 0 };
    this.disk.kill();
  }

  powerCut(chance?: Chance): void {
    this.node.alive = false;
    this.node = { alive: true, wallOffsetMs: 0 };
    this.disk.powerCut(chance);
  }
}

export const smallRing: RingOptions = {
  directory: 'ring',
  sizeBytes: 8 * 64 * 1024,
  full: 'refuse',
  commitWindow: 0 as Duration,
};

export const message = (topic: string, text: string | Uint8Array, more: Partial<NewMessage> = {}): NewMessage => ({
  kind: 'message',
  topic,
  lane: 1,
  qos: 1,
  retain: false,
  latest: 'none',
  body: typeof text === 'string' ? Buffer.from(text) : text,
  provenance: null,
  age: 0 as Duration,
  ...more,
});

export const put = (key: string, value: string | null): Entry => ({
  kind: 'state',
  key,
  value: value === null ? null : Buffer.from(value),
});

export const text = (bytes: Uint8Array | undefined | null): string | undefined =>
  bytes === undefined || bytes === null ? undefined : Buffer.from(bytes).toString();

export const nodeKey = (name: string): PublicKey => Buffer.from(name.padEnd(32, '.')).toString('hex') as PublicKey;

export const from = (origin: string, via: string, sequence: number): Provenance => ({
  origin: nodeKey(origin),
  epoch: `00000001${Buffer.from(origin.padEnd(8, '.')).subarray(0, 8).toString('hex')}` as Epoch,
  sequence: sequence as Sequence,
  via: nodeKey(via),
  hopsLeft: 4,
});

export { Chance };
