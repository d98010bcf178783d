import { answersOutLimit } from '../../agent/bus/answers.ts';
import { batchBytes, batchRecords } from '../../agent/bus/packer.ts';
import { windowBatches } from '../../agent/bus/window.ts';
import type { SimulatedAgent } from './agent.ts';
import type { AgentScene } from './scene.ts';

const sampleMs = 50;
/** The largest reading of a storm, and what a frame may be longer than its limit by it. */
const overshootBytes = 8 * 1024;
/** Hello and question, beside the window. */
const questions = 2;
/** A batch that the far ring has acknowledged may still wait for the overlay's own last word. */
const unfinished = 2 * windowBatches;
const halfOpenPerNeighbour = 256;
const rememberedIds = 65_536;

/** Looks every so often whether some agent holds more in memory than its parts may; what it saw is in `broken`. */
export class Bounds {
  readonly broken = new Set<string>();
  readonly #scene: AgentScene;
  readonly #untilMs: number;

  constructor(scene: AgentScene, untilMs: number) {
    this.#scene = scene;
    this.#untilMs = untilMs;
    this.#look();
  }

  #look(): void {
    for (const agent of this.#scene.agents) this.#check(agent);
    if (this.#scene.world.now < this.#untilMs) this.#scene.world.plan(sampleMs, () => this.#look());
  }

  #check(agent: SimulatedAgent): void {
    const { life, plan } = agent;
    if (life === null) return;
    const { ring, bus, overlay } = life;
    const limits = (what: string, found: number, most: number): void => {
      if (found > most) this.broken.add(`${plan.name}: ${what}: ${found}, at most ${most} wanted`);
    };
    const streams = bus.streams();
    const inbound = bus.inbound().length;
    const { outbox_messages = 0, outbox_bytes = 0, half_open_messages = 0, remembered_ids = 0 } = overlay.counters;
    const neighbours = this.#scene.agents.length - 1;
    limits('bytes of state in the ring', ring.status.stateBytes, ring.status.stateLimitBytes);
    limits('bytes used of the ring', ring.status.usedBytes, ring.status.sizeBytes);
    for (const { inFlight } of streams) limits('records in flight', inFlight, windowBatches * batchRecords);
    limits('bytes of frames held', bus.heldBytes, windowBatches * inbound * (batchBytes + overshootBytes));
    limits(
      'messages in the outbox',
      outbox_messages,
      streams.length * (unfinished + questions) + inbound * answersOutLimit,
    );
    limits(
      'bytes in the outbox',
      outbox_bytes,
      (streams.length + inbound) * unfinished * (batchBytes + overshootBytes),
    );
    limits('messages half open', half_open_messages, neighbours * halfOpenPerNeighbour);
    limits('ids remembered', remembered_ids, rememberedIds);
  }
}

/** What is still held though all has been delivered. */
export function leftovers(agent: SimulatedAgent): string[] {
  const { life, plan } = agent;
  if (life === null) return [];
  const held = life.bus.heldBytes;
  const outbox = life.overlay.counters['outbox_messages'] ?? 0;
  const left: string[] = [];
  if (held > 0) left.push(`${plan.name}: ${held} bytes of frames are still held`);
  if (outbox > 0) left.push(`${plan.name}: ${outbox} messages are still in the outbox`);
  return left;
}
