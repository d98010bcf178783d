import { type Address, after, type Env, milliseconds, type PublicKey, type Subnet, type Timer } from '#kernel';
import type { PeerStatus, RouteStatus } from '../types.ts';
import { Recent } from './recent.ts';
import type { DaemonRoute, QueriedSubnet } from './shapes.ts';
import type { StockApi } from './stock-api.ts';

/** Between two looks at the routes; shorter while somebody is looked for. Every second time at the peers too. */
const pauseMs = { usual: 5000, looking: 1000 };
/** Keys asked for in one round, and how many are remembered. */
const keysPerRound = 8;
const keyLimit = 10_000;

export interface SurveyPorts {
  readonly env: Env;
  readonly api: StockApi;
  readonly isReady: () => boolean;
  readonly failed: (error: unknown) => void;
  readonly routeChanged: (subnet: Subnet, reachable: boolean) => void;
}

/** What the daemon knows of the network, asked for now and then: peers, routes, and the keys behind subnets. */
export class Survey {
  readonly #ports: SurveyPorts;
  readonly #keys = new Map<Subnet, PublicKey>();
  readonly #unknown = new Recent(keyLimit);
  #peers: readonly PeerStatus[] = [];
  #selected = new Map<Subnet, DaemonRoute>();
  #fallback: readonly DaemonRoute[] = [];
  #queried: readonly QueriedSubnet[] = [];
  #timer: Timer | null = null;
  #rounds = 0;
  #turn = 0;
  #isLooking = false;

  constructor(ports: SurveyPorts) {
    this.#ports = ports;
  }

  get peers(): readonly PeerStatus[] {
    return this.#peers;
  }

  get queried(): readonly QueriedSubnet[] {
    return this.#queried;
  }

  /** Only routes whose key is known by now. */
  get routes(): readonly RouteStatus[] {
    const all = [...[...this.#selected.values()].map((route) => ({ ...route, selected: true }))];
    for (const route of this.#fallback) all.push({ ...route, selected: false });
    return all.flatMap((route) => {
      const publicKey = this.#keys.get(route.subnet);
      return publicKey === undefined ? [] : [{ ...route, publicKey }];
    });
  }

  hasRoute(subnet: Subnet): boolean {
    return this.#selected.has(subnet);
  }

  keyOf(subnet: Subnet): PublicKey | undefined {
    return this.#keys.get(subnet);
  }

  /** Somebody has named this key. */
  learn(subnet: Subnet, key: PublicKey): void {
    if (this.#keys.size < keyLimit) this.#keys.set(subnet, key);
  }

  /** Looks at the routes soon. */
  lookFor(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    if (this.#timer !== null) this.#again();
  }

  start(): void {
    this.#turn++;
    this.#round();
  }

  stop(): void {
    this.#turn++;
    this.#timer?.cancel();
    this.#timer = null;
    this.#peers = [];
    this.#selected = new Map();
    this.#fallback = [];
    this.#queried = [];
  }

  #again(): void {
    const { clock } = this.#ports.env;
    this.#timer?.cancel();
    const pause = this.#isLooking ? pauseMs.looking : pauseMs.usual;
    this.#timer = clock.at(after(clock.now(), milliseconds(pause)), () => this.#round());
  }

  #round(): void {
    const turn = this.#turn;
    this.#timer = null;
    this.#look(turn).then(
      () => {
        if (turn === this.#turn) this.#again();
      },
      (error: unknown) => {
        if (turn !== this.#turn) return;
        this.#ports.failed(error);
        if (this.#ports.isReady()) this.#again();
      },
    );
  }

  async #look(turn: number): Promise<void> {
    const { api } = this.#ports;
    this.#isLooking = false;
    const selected = await api.routes('selected');
    if (turn === this.#turn) this.#compare(new Map(selected.map((route) => [route.subnet, route])));
    if (this.#rounds++ % 2 === 0) {
      const [peers, fallback, queried] = [await api.peers(), await api.routes('fallback'), await api.queried()];
      if (turn !== this.#turn) return;
      this.#peers = peers;
      this.#fallback = fallback;
      this.#queried = queried;
    }
    for (const { subnet } of selected.filter((route) => this.#isNameless(route.subnet)).slice(0, keysPerRound)) {
      const key = await api.keyOf(`${subnet}${'0'.repeat(15)}1` as Address);
      if (key === null) this.#unknown.add(subnet);
      else this.learn(subnet, key);
    }
  }

  #isNameless(subnet: Subnet): boolean {
    return !this.#keys.has(subnet) && !this.#unknown.has(subnet);
  }

  #compare(now: Map<Subnet, DaemonRoute>): void {
    const before = this.#selected;
    this.#selected = now;
    for (const subnet of before.keys()) if (!now.has(subnet)) this.#ports.routeChanged(subnet, false);
    for (const subnet of now.keys()) if (!before.has(subnet)) this.#ports.routeChanged(subnet, true);
  }
}
