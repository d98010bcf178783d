import { addressOf, type SharedKey, subnetOf } from '#crypto';
import { type Address, type Clock, hexOf, type Instant, type PublicKey, type Random, type Subnet } from '#kernel';
import { Alarm } from '../alarm.ts';
import { isPublicKey } from '../keys.ts';
import { Sealer } from '../sealing.ts';
import { type DataFrame, originHopLimit, plaintextKind } from '../wire/data.ts';
import type { Icmp } from '../wire/icmp.ts';
import { type TraceEffect, TraceMachine, type TraceOptions, type TraceReport } from './trace.ts';

/** What tracing needs of the node. */
export interface TraceWays {
  readonly own: Subnet;
  readonly source: Address;
  keyOf(subnet: Subnet): PublicKey | undefined;
  /** Keeps the key as the one behind its subnet. */
  name(key: PublicKey): void;
  sharedWith(key: PublicKey): SharedKey | null;
  want(subnet: Subnet): void;
  onRoute(listener: () => void): () => void;
  /** To the next hop. False: not sent. */
  send(subnet: Subnet, frame: DataFrame): boolean;
  /** Link to the next hop and what a packet costs by it, of the selected route. */
  wayTo(subnet: Subnet): { readonly nextHop: string; readonly cost: number } | null;
}

const traces = 8;
const nonceDigits = 24;

/** Runs traces, a bounded number at a time: seals their packets and finds the answers among what routers say. */
export class Tracer {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #ways: TraceWays;
  readonly #running = new Set<Running>();
  #sealer: Sealer | null = null;

  constructor(clock: Clock, random: Random, ways: TraceWays) {
    this.#clock = clock;
    this.#random = random;
    this.#ways = ways;
  }

  /** Null: too many at once. Reports come later, never from inside this call. Returns what ends it without an `end`. */
  trace(to: PublicKey | Address, options: TraceOptions, report: (report: TraceReport) => void): (() => void) | null {
    if (this.#running.size >= traces) return null;
    if (isPublicKey(to)) this.#ways.name(to);
    const destination = isPublicKey(to) ? addressOf(to) : to;
    this.#sealer ??= new Sealer(this.#random);
    const stopped = (run: Running): void => void this.#running.delete(run);
    const run = new Running(this.#clock, this.#sealer, this.#ways, destination, options, report, stopped);
    this.#running.add(run);
    this.#clock.soon(() => run.begin());
    return () => run.stop();
  }

  /** A router says that a packet of this node has died there. */
  died(key: PublicKey, icmp: Icmp): void {
    if (this.#running.size === 0) return;
    const nonce = hexOf(icmp.payload.subarray(-nonceDigits / 2));
    for (const run of this.#running) if (run.died(nonce, key, icmp)) return;
  }

  stop(): void {
    for (const run of [...this.#running]) run.stop();
  }
}

class Running {
  readonly #clock: Clock;
  readonly #sealer: Sealer;
  readonly #ways: TraceWays;
  readonly #to: Address;
  readonly #subnet: Subnet;
  readonly #report: (report: TraceReport) => void;
  readonly #stopped: (run: Running) => void;
  readonly #machine: TraceMachine;
  readonly #alarm: Alarm;
  #forgetRoutes = (): void => undefined;
  #isOver = false;
  /** The packet under way. */
  #probe: { readonly nonce: string; readonly hop: number; readonly attempt: number } | null = null;

  constructor(
    clock: Clock,
    sealer: Sealer,
    ways: TraceWays,
    to: Address,
    options: TraceOptions,
    report: (report: TraceReport) => void,
    stopped: (run: Running) => void,
  ) {
    this.#clock = clock;
    this.#sealer = sealer;
    this.#ways = ways;
    this.#to = to;
    this.#subnet = subnetOf(to);
    this.#report = report;
    this.#stopped = stopped;
    this.#machine = new TraceMachine(options, clock.now());
    this.#alarm = new Alarm(clock, (now) => this.#step({ kind: 'timer' }, now));
  }

  begin(): void {
    if (this.#isOver) return;
    if (this.#subnet === this.#ways.own) return this.#apply({ kind: 'end', why: 'reached' });
    this.#forgetRoutes = this.#ways.onRoute(() => this.#look());
    this.#look();
    if (!this.#isOver) this.#alarm.set(this.#machine.deadline());
  }

  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#alarm.cancel();
    this.#forgetRoutes();
    this.#stopped(this);
  }

  /** False: it was not about this trace. */
  died(nonce: string, key: PublicKey, { reason, router }: Icmp): boolean {
    const probe = this.#probe;
    if (probe === null || probe.nonce !== nonce) return false;
    const isDestination = subnetOf(router) === this.#subnet;
    const { hop, attempt } = probe;
    const answer = { kind: 'answered', hop, attempt, reason, isDestination } as const;
    this.#step({ ...answer, router: { key, address: router } }, this.#clock.now());
    return true;
  }

  #look(): void {
    const publicKey = this.#ways.keyOf(this.#subnet);
    const way = this.#ways.wayTo(this.#subnet);
    if (publicKey === undefined || way === null) return this.#ways.want(this.#subnet);
    this.#forgetRoutes();
    this.#report({ kind: 'route', publicKey, ...way });
    this.#step({ kind: 'routed' }, this.#clock.now());
  }

  #step(event: Parameters<TraceMachine['step']>[0], now: Instant): void {
    if (this.#isOver) return;
    for (const effect of this.#machine.step(event, now)) this.#apply(effect);
    if (!this.#isOver) this.#alarm.set(this.#machine.deadline());
  }

  #apply(effect: TraceEffect): void {
    if (effect.kind === 'greet') return this.#send(originHopLimit, 0);
    if (effect.kind === 'probe') return this.#send(effect.hop, effect.attempt);
    if (effect.kind === 'end') {
      this.stop();
      return this.#report(effect);
    }
    const { router } = effect.hop;
    const cost = router === null ? null : (this.#ways.wayTo(subnetOf(router.address))?.cost ?? null);
    this.#report({ kind: 'hop', cost, ...effect.hop });
  }

  /** Of a kind that end nodes drop without a word, should one arrive after all. */
  #send(hop: number, attempt: number): void {
    const key = this.#ways.keyOf(this.#subnet);
    const shared = key === undefined ? null : this.#ways.sharedWith(key);
    if (shared === null) return;
    const sealed = this.#sealer.seal(shared, plaintextKind.trace, this.#ways.source, this.#to, new Uint8Array(0));
    const nonce = hexOf(sealed.payload.subarray(-nonceDigits / 2));
    this.#probe = { nonce, hop, attempt };
    this.#ways.send(this.#subnet, sealed.copy(hop));
  }
}
