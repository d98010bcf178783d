import { formatSubnet } from '#crypto';
import type { Env } from '#kernel';
import {
  createDaemonOverlay,
  type MessageState,
  type OutgoingMessage,
  type Overlay,
  type ReceivedMessage,
} from '#overlay';
import { Chance, type World } from '#sim';
import type { SimulatedAgent } from '../sim/agent.ts';
import { AgentScene, linkTo } from '../sim/scene.ts';
import { verdict } from '../sim/verdict.ts';
import { StockTwin, type Twins, twinPort } from './stock-twin.ts';

const plainTopic = Buffer.from('plain');
const isPlain = (topic: Uint8Array): boolean => plainTopic.equals(topic);
const stormMs = 20_000;
/** Stock is asked every 5 s at the rarest, and an agent that is refused tries again after as long. */
const calmMs = 60_000;
const settleMs = 15_000;

/** One agent over a stock daemon of its own, over all lives of both, and what is promised of the two. */
export class DaemonEnd {
  readonly name: string;
  readonly faults: string[] = [];
  agent: SimulatedAgent | null = null;
  twin: StockTwin | null = null;
  far: DaemonEnd | null = null;
  overlay: Overlay | null = null;
  lives = 0;
  bornAt = 0;
  /** Plain texts that are durable here. */
  readonly stored = new Set<string>();
  readonly underWay = new Set<string>();
  said = 0;
  /** By message: the life of the agent in which it was last handed on, durably if it is a plain one. */
  readonly #handed = new Map<string, number>();
  readonly #world: World;
  readonly #chance: Chance;

  constructor(world: World, name: string) {
    this.name = name;
    this.#world = world;
    this.#chance = world.chance.fork();
  }

  get daemonName(): string {
    return `d${this.name}`;
  }

  /** For the plan of its agent. */
  over(env: Env, ways: Parameters<NonNullable<SimulatedAgent['plan']['overlay']>>[2], busTopic: () => Uint8Array) {
    const life = ++this.lives;
    this.bornAt = this.#world.now;
    const sources = this.far?.agent === null ? [] : [formatSubnet(this.#farIdentity.subnet)];
    const identity = this.agent?.identity;
    if (identity === undefined) throw new Error('an end without an agent');
    const overlay = createDaemonOverlay(env, identity, {
      at: { host: this.daemonName, port: twinPort },
      topics: () => [busTopic(), plainTopic].map((topic) => ({ topic, sources })),
      isForLater: () => false,
      admit: (announced) => isPlain(announced.topic) || ways.admit(announced),
      store: (message) => (isPlain(message.topic) ? this.#store(env, message, life) : null),
      received: (message) => {
        if (isPlain(message.topic)) return;
        this.#hand(message, life);
        ways.received(message);
      },
    });
    this.#watch(overlay, env);
    this.overlay = overlay;
    this.underWay.clear();
    return overlay;
  }

  /** Told by the daemon of each message that it forgets. */
  popped(id: string): void {
    if (!this.#handed.has(id)) this.faults.push(`${this.name}: ${id} was taken out before it was durable`);
  }

  /** Says something new, and again what has not arrived and is not under way. */
  speak(isNew: boolean): void {
    if (this.agent?.life === null || this.overlay === null) return;
    if (isNew) this.said++;
    for (let number = 1; number <= this.said; number++) {
      const text = `${this.name}${number}`;
      if (this.far?.stored.has(text) === true || this.underWay.has(text)) continue;
      const changed = (state: MessageState): void => {
        if (state !== 'pending' && state !== 'sending') this.underWay.delete(text);
      };
      const deadlineMs = this.#chance.hits(0.5) ? null : 2_000;
      const message = { topic: plainTopic, payload: Buffer.from(text), replyTo: null, deadlineMs, changed };
      const id = this.overlay.send({ to: this.#farIdentity.publicKey, ...message });
      if (id === null) return;
      this.underWay.add(text);
    }
  }

  get #farIdentity() {
    const identity = this.far?.agent?.identity;
    if (identity === undefined) throw new Error('an end without a far end');
    return identity;
  }

  #store(env: Env, message: ReceivedMessage, life: number): Promise<boolean> {
    const takesMs = this.#chance.between(0, 40);
    const isKept = this.#chance.hits(0.95);
    return new Promise((resolve) =>
      env.clock.at((env.clock.now() + takesMs) as never, () => {
        if (isKept) {
          this.#hand(message, life);
          this.stored.add(Buffer.from(message.payload).toString());
        }
        resolve(isKept);
      }),
    );
  }

  #hand({ id }: ReceivedMessage, life: number): void {
    if (this.#handed.get(id) === life) this.faults.push(`${this.name}: ${id} was handed on twice in one life`);
    this.#handed.set(id, life);
  }

  /** What is told of each message has to be true. */
  #watch(overlay: Overlay, env: Env): void {
    const send = overlay.send.bind(overlay);
    const abort = overlay.abort.bind(overlay);
    const letGo = new Set<string>();
    overlay.abort = (id) => {
      letGo.add(id);
      abort(id);
    };
    overlay.send = (message) => {
      const at = this.#world.now;
      const failures = overlay.counters['daemon_failures'];
      let ends = 0;
      let id: string | null = null;
      const changed = (state: MessageState): void => {
        if (state === 'received' || state === 'aborted') ends++;
        if (ends > 1) this.faults.push(`${this.name}: ${id} has ended twice`);
        if (state === 'received') this.#isThere(message);
        const isAsked = id !== null && letGo.has(id);
        const isLate = message.deadlineMs !== null && this.#world.now >= at + message.deadlineMs;
        // What fails is told of at once, and counted in the same instant.
        const isHeld = state === 'aborted' && !isAsked && !isLate && this.#isHeld(message, at);
        if (isHeld) {
          env.clock.soon(() => {
            if (overlay.counters['daemon_failures'] === failures && overlay.daemon?.().state === 'ready')
              this.faults.push(`${this.name}: ${id} was told as aborted, and the daemon holds it`);
          });
        }
        message.changed?.(state);
      };
      id = send({ ...message, changed });
      return id as never;
    };
  }

  #isThere({ payload }: OutgoingMessage): void {
    if (this.far?.twin?.arrived.has(base64(payload)) !== true)
      this.faults.push(`${this.name}: told as received what never came`);
  }

  #isHeld({ payload }: OutgoingMessage, since: number): boolean {
    const { twin } = this;
    if (twin === null || !twin.isAlive) return false;
    return twin.taken.some((one) => one.life === twin.lives && one.at >= since && one.payload === base64(payload));
  }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

export interface DaemonScene {
  readonly scene: AgentScene;
  readonly ends: readonly DaemonEnd[];
}

/** Two agents, each over a daemon of its own, linked both ways. */
export function daemonScene(seed: number): DaemonScene {
  const scene = new AgentScene(seed, []);
  const twins: Twins = new Map();
  const ends = ['a', 'b'].map((name) => new DaemonEnd(scene.world, name));
  for (const [index, end] of ends.entries()) {
    const other = ends[1 - index];
    if (other === undefined) continue;
    end.far = other;
    scene.add({
      name: end.name,
      peers: [],
      links: [linkTo(other.name)],
      accepts: [{ from: other.name, topics: ['#'] }],
      ring: {},
      overlay: (env, _, ways, bus) => end.over(env, ways, () => bus().topic),
    });
    const agent = scene.agent(end.name);
    const twin = new StockTwin(scene.network, twins, end.daemonName, agent.identity, scene.world.chance.fork());
    twin.popped = ({ id }) => end.popped(id);
    end.agent = agent;
    end.twin = twin;
  }
  scene.introduce();
  return { scene, ends };
}

export interface DaemonReport {
  readonly seed: number;
  readonly faults: readonly string[];
  readonly readings: number;
  readonly plain: number;
  readonly agentLives: number;
  readonly daemonLives: number;
  readonly healedMs: number;
  /** Given to the daemons while nobody had anything to say. */
  readonly idleMessages: number;
}

/** Agents and daemons die and come back at random; then calm, then the account. */
export async function daemonStorm(seed: number): Promise<DaemonReport> {
  const { scene, ends } = daemonScene(seed);
  const chance = new Chance(seed ^ 0xdae0);
  for (const { twin, agent } of ends) {
    twin?.boot();
    void agent?.boot();
  }
  for (const end of ends) {
    planDeaths(scene, chance.fork(), end);
    planTraffic(scene, chance.fork(), end);
  }
  await scene.run(stormMs);
  for (const { twin, agent } of ends) {
    twin?.boot();
    void agent?.boot();
  }
  const calmAt = scene.world.now;
  const sum = (of: (end: DaemonEnd) => number): number => ends.reduce((all, end) => all + of(end), 0);
  const isWhole = (): boolean => ends.every((end) => isThrough(scene, end) && scene.ledger.undecided(end.name) === 0);
  const healed = await scene.until(isWhole, calmMs);
  const healedMs = scene.world.now - calmAt;
  // The last acknowledgements, and then nobody has anything to say.
  await scene.run(settleMs);
  const saidBefore = sum(sentBy);
  await scene.run(settleMs);
  const idleMessages = sum(sentBy) - saidBefore;
  const faults = ends.flatMap((end) => [...end.faults, ...accountOf(scene, end)]);
  if (!healed) faults.push(`not all has arrived ${calmMs / 1000} s after the last death`);
  return {
    seed,
    faults,
    readings: scene.ledger.acknowledged,
    plain: sum(({ said }) => said),
    agentLives: sum(({ lives }) => lives),
    daemonLives: sum(({ twin }) => twin?.lives ?? 0),
    healedMs,
    idleMessages,
  };
}

const sentBy = ({ overlay }: DaemonEnd): number => overlay?.counters['messages_sent'] ?? 0;

function accountOf(scene: AgentScene, end: DaemonEnd): string[] {
  const from = end.far?.name ?? '';
  const faults = verdict(scene, { ring: end.name, from, origins: [from] }, 'plain');
  const held = end.overlay?.counters['daemon_holds_messages'] ?? 0;
  // What an earlier life of the agent has given to it is not known here.
  const truth = [...(end.twin?.memory.outbox.values() ?? [])].filter(({ since }) => since >= end.bornAt).length;
  // A push under way when the daemon's restart is noticed may be the new one's: 64 are under way at most.
  if (held + 64 < truth) faults.push(`${end.name}: the daemon holds ${truth} messages, ${held} are counted`);
  return faults;
}

function isThrough({ ledger }: AgentScene, end: DaemonEnd): boolean {
  const { far } = end;
  if (far === null || end.agent?.life === null) return false;
  for (let number = 1; number <= end.said; number++) if (!far.stored.has(`${end.name}${number}`)) return false;
  return ledger.missing(far.name, [end.name]).length === 0 && ledger.unshared(end.name, far.name, [end.name]) === 0;
}

/** Each side dies now and then, the daemon sometimes so shortly that it comes back in the second in which it was started. */
function planDeaths(
  { world, network }: AgentScene,
  chance: Chance,
  { agent, twin, daemonName, name }: DaemonEnd,
): void {
  for (let at = chance.between(100, 3_000); at < stormMs; at += chance.between(200, 4_000)) {
    const downMs = chance.hits(0.5) ? chance.between(100, 400) : chance.between(400, 4_000);
    const what = chance.between(0, 9);
    world.plan(at, () => {
      if (what < 5) {
        twin?.die();
        world.plan(downMs, () => twin?.boot());
      } else if (what < 8) {
        agent?.die(chance.hits(0.5) ? 'killed' : 'power');
        world.plan(downMs, () => void agent?.boot());
      } else network.cut(name, daemonName);
    });
  }
}

function planTraffic({ world }: AgentScene, chance: Chance, end: DaemonEnd): void {
  for (let at = 0; at < stormMs; at += chance.between(20, 400)) {
    const count = chance.between(1, 8);
    world.plan(at, () => end.agent?.publish(count, 1, (id) => `t/${id}`));
  }
  for (let at = 0; at < stormMs + calmMs; at += 250) {
    world.plan(at, () => end.speak(at < stormMs));
  }
}
