import type { Env, PublicKey } from '#kernel';
import { messageOf, unreachable } from '#kernel';
import type { Overlay } from '#overlay';
import type { Ring } from '#ring';
import { DeadlineTimer } from '../timer.ts';
import type { RelayFrame } from './frame.ts';
import { relayFrame, relayTopic } from './frame.ts';
import type { MailboxEffect, MailboxEvent, RelayCounters, Standing } from './mailbox-events.ts';
import { MailboxRing } from './mailbox-ring.ts';
import { Mailboxes, type MailboxStatus } from './mailboxes.ts';
import type { RelayLimits } from './quotas.ts';

export interface RelayPorts {
  readonly env: Env;
  readonly overlay: Overlay;
  /** The mailboxes' own ring, with policy `refuse`. */
  readonly mailboxes: Ring;
}

export interface RelayOptions {
  readonly limits: RelayLimits;
  /** May they leave letters here, or have letters held for them? */
  readonly standing: (who: PublicKey) => Standing;
}

export interface RelayStatus {
  readonly isReady: boolean;
  readonly limits: RelayLimits;
  readonly letters: number;
  readonly bytes: number;
  /** Of these, between strangers. */
  readonly strangerBytes: number;
  readonly mailboxes: readonly MailboxStatus[];
  readonly senders: readonly { readonly sender: PublicKey; readonly letters: number; readonly bytes: number }[];
  readonly counters: RelayCounters;
}

const messageDeadlineMs = 60_000;

/** Carries out what the mailboxes want: messages, reads of their ring and settlements. */
export class Relay {
  readonly #ports: RelayPorts;
  readonly #ring: MailboxRing;
  readonly #machine: Mailboxes;
  readonly #timer: DeadlineTimer;
  readonly #topic = new TextEncoder().encode(relayTopic);
  readonly #standing: (who: PublicKey) => Standing;
  readonly #events: MailboxEvent[] = [];
  #listeners: (() => void)[] = [];
  #isRunning = false;
  #isStopped = false;

  constructor(ports: RelayPorts, { limits, standing }: RelayOptions) {
    const { env, mailboxes } = ports;
    this.#ports = ports;
    this.#standing = standing;
    const ring = new MailboxRing(mailboxes, limits.clients);
    this.#ring = ring;
    this.#machine = new Mailboxes({
      limits,
      standing,
      file: (letter) => ring.file(letter),
      announcement: (of) => ring.announcement(of),
      announce: (of, announcement) => ring.announce(of, announcement),
      token: () => Buffer.from(env.random.bytes(8)).toString('hex'),
      fraction: () => env.random.fraction(),
    });
    this.#timer = new DeadlineTimer(
      env.clock,
      () => this.#machine.deadline(),
      () => this.#feed({ kind: 'timer' }),
    );
  }

  get counters(): RelayCounters {
    return this.#machine.counters;
  }

  /** Does this node take anything from them at all? Asked before a byte is kept. */
  knows(from: PublicKey): boolean {
    return this.#standing(from) !== 'nobody';
  }

  start(): void {
    const { mailboxes, overlay } = this.#ports;
    this.#listeners = [
      mailboxes.onDurable((upTo) => this.#feed({ kind: 'durable', upTo })),
      overlay.onRoute((to, reachable) => this.#feed({ kind: 'route', to, reachable })),
    ];
    const scanning = this.#ring.scan((recipient, letters) => this.#feed({ kind: 'found', recipient, letters }));
    scanning.then(
      () => this.#feed({ kind: 'ready' }),
      (error: unknown) => this.#ports.env.log.error('mailboxes-unreadable', { why: messageOf(error) }),
    );
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer.cancel();
    for (const remove of this.#listeners) remove();
    this.#listeners = [];
  }

  receive(frame: RelayFrame): void {
    this.#feed({ kind: 'frame', frame });
  }

  status(): RelayStatus {
    const { quotas, isReady, counters } = this.#machine;
    return {
      isReady,
      limits: quotas.limits,
      letters: quotas.all.letters,
      bytes: quotas.all.bytes,
      strangerBytes: quotas.strangers.bytes,
      mailboxes: this.#machine.status(this.#ports.env.clock.now()),
      senders: [...quotas.senders()].map(([sender, { letters, bytes }]) => ({ sender, letters, bytes })),
      counters,
    };
  }

  /** Events that come while one is handled wait for their turn. */
  #feed(event: MailboxEvent): void {
    if (this.#isStopped) return;
    this.#events.push(event);
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
      for (const effect of this.#machine.step(next, this.#ports.env.clock.now())) this.#carryOut(effect);
    }
    this.#isRunning = false;
    this.#timer.look();
  }

  #carryOut(effect: MailboxEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#send(effect);
        break;
      case 'read':
        this.#read(effect.recipient);
        break;
      case 'rewind':
        this.#ring.rewind(effect.recipient);
        break;
      case 'settle':
        this.#ring.settle(effect.recipient, effect.to);
        break;
      case 'look': {
        const { to } = effect;
        this.#feed({ kind: 'route', to, reachable: this.#ports.overlay.reachable(to) });
        break;
      }
      case 'close':
        this.#ring.close(effect.recipient);
        break;
      default:
        unreachable(effect);
    }
  }

  /** What the overlay has no room for is not sent: whoever waits for it asks again. */
  #send({ to, saying }: Extract<MailboxEffect, { kind: 'send' }>): void {
    const { overlay } = this.#ports;
    const payload = relayFrame(overlay.publicKey, to, saying);
    overlay.send({ to, topic: this.#topic, payload, replyTo: null, deadlineMs: messageDeadlineMs, isPatient: true });
  }

  #read(recipient: PublicKey): void {
    this.#ring.read(recipient).then(
      ({ items, more }) => this.#feed({ kind: 'items', recipient, items, more }),
      (error: unknown) => {
        if (!this.#isStopped) this.#ports.env.log.warn('mailbox-read-refused', { why: messageOf(error) });
        this.#feed({ kind: 'items', recipient, items: [], more: true });
      },
    );
  }
}
