import {
  AgentError,
  type ByteLink,
  type Endpoint,
  formatProxy,
  type LinkEvents,
  type Net,
  type NetworkKey,
  type ProxyServer,
} from '#kernel';
import { talkTo } from './proxy/proxy.ts';
import type { ProxyTalk } from './proxy/talk.ts';

/** The way to a peer. */
export interface Way {
  readonly to: Endpoint;
  /** Null: straight there. */
  readonly proxy: ProxyServer | null;
  /** Null: plain. */
  readonly key: NetworkKey | null;
}

/** Dials a peer through what lies between: a proxy, then TLS. For the caller it is one link that is still connecting. */
export function dialInSteps(net: Net, way: Way, events: LinkEvents): ByteLink {
  return new StagedLink(net, way, events);
}

/** What may be written before the link is open; more is a bug of the caller, who gets false. */
const earlyLimitBytes = 65_536;
const nothing = new Uint8Array(0);

/** States: reaching (→ asking the proxy) (→ securing) → open → gone. Ends with one `closed`, as every link. */
class StagedLink implements ByteLink {
  readonly #net: Net;
  readonly #way: Way;
  readonly #events: LinkEvents;
  readonly #talk: ProxyTalk | null;
  #link: ByteLink;
  #state: 'reaching' | 'asking' | 'securing' | 'open' | 'gone' = 'reaching';
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #isPaused = false;
  #isEnding = false;
  #cause: Error | null = null;

  constructor(net: Net, way: Way, events: LinkEvents) {
    this.#net = net;
    this.#way = way;
    this.#events = events;
    this.#talk = way.proxy === null ? null : talkTo(way.proxy, way.to);
    const keepsNothing = events.keepsNothing ?? false;
    this.#link = net.dial(way.proxy ?? way.to, {
      keepsNothing,
      opened: () => this.#reached(),
      received: (bytes) => this.#received(bytes),
      drained: () => this.#drained(),
      closed: (cause) => this.#closed(cause),
    });
  }

  get queuedBytes(): number {
    return this.#earlyBytes + (this.#state === 'open' ? this.#link.queuedBytes : 0);
  }

  write(bytes: Uint8Array, written?: () => void): boolean {
    if (this.#state === 'open') return this.#link.write(bytes, written);
    if (this.#state === 'gone' || this.#isEnding || this.#earlyBytes + bytes.length > earlyLimitBytes) return false;
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
    return true;
  }

  pause(paused: boolean): void {
    this.#isPaused = paused;
    if (this.#state === 'open') this.#link.pause(paused);
  }

  end(): void {
    this.#isEnding = true;
    if (this.#state === 'open') this.#link.end();
  }

  destroy(): void {
    if (this.#state !== 'open') this.#state = 'gone';
    this.#link.destroy();
  }

  #reached(): void {
    if (this.#talk === null) return this.#secure(nothing);
    this.#state = 'asking';
    this.#link.write(this.#talk.begin());
  }

  #received(bytes: Uint8Array): void {
    if (this.#state === 'open') this.#events.received(bytes);
    else if (this.#state === 'asking' && this.#talk !== null) this.#answered(this.#talk, bytes);
  }

  /** A proxy may answer in one go what it should have answered in turn: it is asked on until it has nothing left. */
  #answered(talk: ProxyTalk, bytes: Uint8Array): void {
    const step = talk.step(bytes);
    switch (step.kind) {
      case 'wait':
        return;
      case 'say':
        this.#link.write(step.bytes);
        return this.#answered(talk, nothing);
      case 'through':
        return this.#secure(step.rest);
      case 'refused':
        return this.#giveUp(step.why);
    }
  }

  #secure(rest: Uint8Array): void {
    const { key } = this.#way;
    if (key === null) return this.#open(rest);
    if (rest.length > 0) return this.#giveUp('proxy: found bytes before the handshake');
    this.#state = 'securing';
    this.#link = this.#net.secure(this.#link, 'dialled', key, {
      keepsNothing: this.#events.keepsNothing ?? false,
      opened: () => this.#open(nothing),
      received: (bytes) => this.#events.received(bytes),
      drained: () => this.#drained(),
      closed: (cause) => this.#closed(cause),
    });
  }

  #open(rest: Uint8Array): void {
    if (this.#state === 'gone') return;
    this.#state = 'open';
    if (this.#isPaused) this.#link.pause(true);
    this.#events.opened();
    for (const bytes of this.#early) this.#link.write(bytes);
    this.#early = [];
    this.#earlyBytes = 0;
    if (this.#isEnding) this.#link.end();
    else if (rest.length > 0) this.#events.received(rest);
  }

  #drained(): void {
    if (this.#state === 'open') this.#events.drained();
  }

  #giveUp(why: string): void {
    this.#cause = new AgentError('net/proxy', 'reconfigure', why);
    this.#state = 'gone';
    this.#link.destroy();
  }

  #closed(cause: Error | null): void {
    const atProxy = this.#state === 'reaching' || this.#state === 'asking';
    const found =
      this.#cause ?? (atProxy && this.#way.proxy !== null ? this.#lostAtProxy(this.#way.proxy, cause) : cause);
    this.#state = 'gone';
    this.#early = [];
    this.#earlyBytes = 0;
    this.#events.closed(found);
  }

  #lostAtProxy(proxy: ProxyServer, cause: Error | null): Error {
    const why = cause?.message ?? 'it closed the connection';
    return new AgentError('net/proxy', 'retry', `proxy ${formatProxy(proxy)}: ${why}`, cause ?? undefined);
  }
}
