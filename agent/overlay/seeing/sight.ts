import type { Clock, Env, Instant, Log, PublicKey } from '#kernel';
import { milliseconds } from '#kernel';
import type { Counts } from '../counts.ts';
import type { Peer, PeerSink } from '../peer/peer.ts';
import type { PeerStatus } from '../types.ts';
import type { Icmp } from '../wire/icmp.ts';
import { Meter } from './meter.ts';
import { PacketRing, type SeenPacket } from './packet-ring.ts';
import type { TraceOptions } from './trace.ts';
import { Tracer, type TraceWays } from './tracer.ts';
import type { PeerChange, Sight } from './types.ts';

const defaultTraceOptions: TraceOptions = {
  hops: 30,
  probes: 3,
  timeout: milliseconds(1000),
  routeWithin: milliseconds(5000),
  silentHops: 3,
};

interface Watched {
  readonly name: string;
  readonly rx: Meter;
  readonly tx: Meter;
}

/** Sees every packet pass: a ring of the last ones, rates by link, traces, and who comes and goes. */
export class NodeSight implements Sight {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #counts: Counts;
  readonly #ring = new PacketRing();
  readonly #tracer: Tracer;
  readonly #watched = new Map<Peer['id'], Watched>();
  readonly #listeners = new Set<(change: PeerChange) => void>();
  /** The packet that is being handled, until the next. */
  #current = 0;
  /** What is being sealed now, so that its packet can be named. */
  sealing: number | null = null;

  constructor(env: Pick<Env, 'clock' | 'random' | 'log'>, counts: Counts, ways: TraceWays) {
    this.#clock = env.clock;
    this.#log = env.log;
    this.#counts = counts;
    this.#tracer = new Tracer(env.clock, env.random, ways);
  }

  packets(limit: number): readonly SeenPacket[] {
    return this.#ring.last(limit, this.#clock.now());
  }

  trace(...[to, options, report]: Parameters<Sight['trace']>): ReturnType<Sight['trace']> {
    return this.#tracer.trace(to, { ...defaultTraceOptions, ...options }, report);
  }

  onPeer(listener: (change: PeerChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  readonly seen: PeerSink['seen'] = (peer, what, bytes) => {
    const now = this.#clock.now();
    const { name, rx, tx } = this.#watched.get(peer.id) ?? this.#watch(peer, now);
    const isOut = what === 'data-out' || what === 'control-out';
    (isOut ? tx : rx).add(bytes.length, now);
    if (what === 'control-in') {
      this.#ring.control(name, bytes, now);
      this.#current = 0;
      return;
    }
    const number = this.#ring.frame(name, isOut, bytes, what === 'data-out' ? this.sealing : null, now);
    if (what === 'data-in') this.#current = number;
  };

  /** The packet that came in last was for this node, and holds that. */
  opened(kind: number): void {
    if (this.#current > 0) this.#ring.opened(this.#current, kind);
    this.#current = 0;
  }

  died(router: PublicKey, icmp: Icmp): void {
    this.#tracer.died(router, icmp);
  }

  peerUp(peer: Peer): void {
    const { name, kind } = peer;
    this.#counts.add('links_opened');
    this.#log.info('peer-up', { peer: name, kind });
    this.#tell({ endpoint: name, kind, state: 'up', why: null, stoodForMs: null });
  }

  peerDown(peer: Peer, why: string): void {
    const { id, name, kind } = peer;
    const stoodForMs = Math.round(peer.stoodForMs);
    this.#watched.delete(id);
    this.#counts.add('links_closed');
    this.#counts.add('rx_bytes', peer.rxBytes);
    this.#counts.add('tx_bytes', peer.txBytes);
    this.#log.info('peer-down', { peer: name, kind, why, afterMs: stoodForMs });
    this.#tell({ endpoint: name, kind, state: 'down', why, stoodForMs });
  }

  /** With the rates of those that stand. */
  rated(peers: readonly PeerStatus[]): readonly PeerStatus[] {
    const now = this.#clock.now();
    const rates = new Map([...this.#watched.values()].map(({ name, rx, tx }) => [name, { rx, tx }]));
    return peers.map((peer) => {
      const rate = peer.state === 'alive' ? rates.get(peer.endpoint) : undefined;
      const [rx, tx] = [rate?.rx.perSecond(now) ?? 0, rate?.tx.perSecond(now) ?? 0];
      return { ...peer, rxBytesPerSecond: Math.round(rx), txBytesPerSecond: Math.round(tx) };
    });
  }

  stop(): void {
    this.#tracer.stop();
  }

  #watch(peer: Peer, now: Instant): Watched {
    const made = { name: peer.name, rx: new Meter(now), tx: new Meter(now) };
    this.#watched.set(peer.id, made);
    return made;
  }

  #tell(change: PeerChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}
