import type { Bus, BusEvent, BusOptions, Delivered, ToldGap } from '#bus';
import { decodeBody } from '#codec';
import type { Env, PublicKey, Timer } from '#kernel';
import { after, isAgentError, messageOf, seconds, topicMatches } from '#kernel';
import type { CursorAccount, Lane, Ring } from '#ring';
import type { Flow } from './flow.ts';
import { cursorPrefix, flowsOf, viewsOf } from './flow.ts';
import { Gate } from './gate.ts';
import { closing, removedLinks } from './removed.ts';
import type { ArrivedMessage, LinkCounters, LinkState, Links, LinksOptions, LinkView, RemovedLink } from './types.ts';

export interface LinksPorts {
  readonly env: Pick<Env, 'clock' | 'log'>;
  readonly ring: Ring;
}

const laneNames = ['urgent', 'normal', 'bulk'] as const;
const publishEvery = seconds(1);

/**
 * Which topics go to which contact, and what may come in: cursors and streams out of `[[link]]`, decisions out of
 * `[[accept]]`. Nothing echoes: a cursor leaves out what was born at, or came by way of, its own contact.
 */
export function createLinks(ports: LinksPorts, options: LinksOptions): Links {
  return new ConfiguredLinks(ports, options);
}

class ConfiguredLinks implements Links {
  readonly port: BusOptions;
  readonly #counts = { unreadable: 0, lost: 0 };
  readonly #ports: LinksPorts;
  readonly #options: LinksOptions;
  readonly #flows: readonly Flow[];
  readonly #views: readonly LinkView[];
  readonly #gate: Gate;
  #bus: Bus | null = null;
  #timer: Timer | null = null;
  readonly #flowing = new Map<string, boolean>();

  constructor(ports: LinksPorts, options: LinksOptions) {
    this.#ports = ports;
    this.#options = options;
    this.#flows = flowsOf(options.links, options.contacts);
    this.#views = viewsOf(options.links, options.contacts);
    const gate = new Gate(options.accepts, options.contacts, new Set(this.#flows.map((flow) => flow.to)));
    this.#gate = gate;
    this.port = {
      accepts: (from, topic) => gate.accepts(from, topic),
      knows: (from) => gate.knows(from),
      delivered: (records) => this.#arrived(records),
      gap: (from, lane, count, reason, told) => this.#gap(from, lane, count, reason, told),
      event: (event) => this.#event(event),
    };
  }

  start(bus: Bus): void {
    this.#bus = bus;
    this.#sweep();
    for (const { to, lane, cursor, filters, ruleFor, keeping } of this.#flows) {
      const opened = this.#ports.ring.cursor({ name: cursor, filters, except: to, from: 'now', keeping });
      bus.open({ to, lane, cursor: opened, rule: (record) => ruleFor(record.topic) });
    }
    this.#publishSoon();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#bus = null;
  }

  get counters(): LinkCounters {
    const abandoned = this.removed().reduce((sum, link) => sum + link.abandoned, 0);
    return { ...this.#counts, abandoned };
  }

  removed(): readonly RemovedLink[] {
    return removedLinks(this.#ports.ring);
  }

  fileLimit(from: PublicKey, topic: string): number {
    return this.#gate.fileLimit(from, topic);
  }

  views(): readonly LinkView[] {
    return this.#views;
  }

  state({ to, publicKey, lane, cursor }: LinkView): LinkState {
    const stream = this.#bus?.streams().find((one) => one.to === publicKey && one.lane === lane);
    const account = this.#ports.ring.cursors().find((one) => one.name === cursor)?.account;
    const dropped = Object.values(account?.dropped ?? {}).reduce((sum, count) => sum + count, 0);
    return {
      to,
      lane: laneNames[lane],
      state: stream?.state ?? 'idle',
      pending: account?.pending ?? 0,
      delivered: account?.settled ?? 0,
      dropped,
    };
  }

  passesQos0(topic: string): boolean {
    const taking = this.#options.links.filter(({ topics }) => topics.some((filter) => topicMatches(filter, topic)));
    return taking.length > 0 && taking.every((rule) => rule.qos0 === 'pass');
  }

  /** A link that is no longer configured owes nothing more: its account is closed, and what was pending said aloud. */
  #sweep(): void {
    const { ring, env } = this.#ports;
    const owned = new Set(this.#flows.map((flow) => flow.cursor));
    for (const { name, open, account } of ring.cursors()) {
      if (!name.startsWith(cursorPrefix) || owned.has(name) || open) continue;
      const removed = this.#remove(name, account);
      if (removed) env.log.warn('link-removed', { cursor: name, abandonedRecords: account.pending });
      else env.log.warn('link-removal-put-off', { cursor: name });
    }
  }

  /** Account and removal are staged together, so that they become durable together. False: at the next start. */
  #remove(name: string, account: CursorAccount): boolean {
    const { ring } = this.#ports;
    const close = closing(ring, name, account);
    const before = ring.state(close.key) ?? null;
    if (!ring.append([close]).ok) return false;
    try {
      ring.cursor({ name, filters: [], except: null, from: 'now' }).remove();
      return true;
    } catch (error) {
      if (!isAgentError(error)) throw error;
      ring.append([{ ...close, value: before }]);
      return false;
    }
  }

  #arrived(records: readonly Delivered[]): void {
    const messages: ArrivedMessage[] = [];
    for (const { sequence, topic, qos, retain, body } of records) {
      const content = this.#content(body);
      if (content !== null) messages.push({ sequence, publication: { topic, qos, retain, ...content } });
    }
    if (messages.length > 0) this.#options.deliver(messages);
  }

  #content(body: Uint8Array): ReturnType<typeof decodeBody> | null {
    try {
      return decodeBody(body);
    } catch (error) {
      this.#counts.unreadable++;
      this.#ports.env.log.debug('unreadable-body', () => ({ why: messageOf(error) }));
      return null;
    }
  }

  #gap(from: PublicKey, lane: Lane, count: number, reason: string, told?: ToldGap): void {
    this.#counts.lost += count;
    const lost = { from, lane: laneNames[lane], count, reason };
    if (told === undefined) return this.#ports.env.log.warn('records-lost', lost);
    const { first, last } = told;
    const topics = told.topics.map(({ topic, count: of }) => `${of} of ${topic}`).join(', ');
    return this.#ports.env.log.warn('records-lost', { ...lost, first, last, topics });
  }

  #event(event: BusEvent): void {
    if (event.kind === 'acked' || event.kind === 'drained' || event.kind === 'sent') this.#publishSoon();
  }

  /** Only whether it flows is news: a link that carries `hypha/#` would else tell of its own telling for ever. */
  #publishSoon(): void {
    if (this.#timer !== null || this.#options.publish === undefined || this.#bus === null) return;
    const { clock } = this.#ports.env;
    this.#timer = clock.at(after(clock.now(), publishEvery), () => {
      this.#timer = null;
      this.#publish();
    });
  }

  #publish(): void {
    for (const view of this.#views) {
      const state = this.state(view);
      const flows = state.state !== 'waiting';
      if (this.#flowing.get(view.name) === flows) continue;
      this.#flowing.set(view.name, flows);
      this.#options.publish?.(`hypha/links/${view.name}`, state);
    }
  }
}
