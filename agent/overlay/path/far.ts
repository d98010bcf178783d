import type { Address, Instant, PublicKey, Subnet } from '#kernel';
import { instant, never } from '#kernel';
import { Lanes } from '../message/lanes.ts';
import type { Letter } from './letter.ts';
import { PacketSize } from './packet-size.ts';
import { RoundTrip } from './round-trip.ts';
import type { Session } from './session.ts';
import { Window } from './window.ts';
import type { State } from './wire.ts';

/** After a short urgent message more of them are expected for so long. */
const hurriedForMs = 60_000;

/** What is known about one node that speaks, or is asked whether it speaks, the better path. */
export class Far {
  readonly key: PublicKey;
  readonly subnet: Subnet;
  /** Where to write to: the address last written to or heard from. */
  address: Address;
  session: Session | null = null;
  /** The one that is being agreed on. */
  next: Session | null = null;
  /** It has spoken this path. */
  isCapable = false;
  /** HELLOs sent in a row; 0: it is not being asked. */
  hellos = 0;
  helloAt: Instant = never;
  /** Not asked again before. */
  doubtUntil: Instant = instant(0);
  doubts = 0;
  usedAt: Instant;
  readonly roundTrip: RoundTrip;
  readonly window = new Window();
  readonly size = new PacketSize();
  /** Unfinished messages to it, by tag. */
  readonly letters = new Map<number, Letter>();
  /** Those that have something to send. */
  readonly ready: Lanes<Letter> = new Lanes();
  /** Those that the far side has refused and that wait, the earliest refused first. */
  readonly held = new Set<Letter>();
  /** Frames to send, which go again when they are lost. */
  controls: Uint8Array[] = [];
  /** To be told once. */
  states: State[] = [];
  /** When the last packet that wants an answer went. */
  askedAt: Instant = instant(0);
  silences = 0;
  /** Sent since an acknowledgement was asked for at once. */
  unaskedBytes = 0;
  /** When a short urgent message last went. */
  hurriedAt: Instant = instant(Number.NEGATIVE_INFINITY);
  /** Bytes that pacing lets go now. */
  credit = 0;
  creditAt: Instant = instant(0);
  paceAt: Instant = never;

  constructor(key: PublicKey, subnet: Subnet, address: Address, ackWithinMs: number, now: Instant) {
    this.key = key;
    this.subnet = subnet;
    this.address = address;
    this.usedAt = now;
    this.roundTrip = new RoundTrip(ackWithinMs);
  }

  /** There is nothing to wait for: it may be forgotten. */
  get isIdle(): boolean {
    return this.letters.size === 0 && this.hellos === 0;
  }

  /** Tells what has become of an attempt; tags that follow each other share a frame. */
  tell(code: number, tag: number): void {
    const last = this.states.at(-1);
    if (last !== undefined && last.code === code && last.more < 255 && last.tag + last.more + 1 === tag) last.more++;
    else this.states.push({ code, tag, more: 0 });
  }

  /** Short urgent messages pass here, so that others keep out of their way. */
  isHurried(now: Instant): boolean {
    return now - this.hurriedAt < hurriedForMs;
  }

  enqueue(letter: Letter): void {
    if (letter.isQueued || letter.heldUntil !== null) return;
    letter.isQueued = true;
    this.ready.push(letter);
  }

  /** The one that packets with that token belong to. */
  sessionOf(token: number): Session | null {
    if (this.session?.mine === token) return this.session;
    return this.next?.mine === token ? this.next : null;
  }

  /** When it wants to be looked at; messages' own deadlines aside. */
  deadline(): Instant {
    const { session } = this;
    let at: number = this.helloAt;
    if (session !== null) at = Math.min(at, this.paceAt, session.ackAt, this.lostAt(session), this.probeAt(session));
    return instant(at);
  }

  lostAt(session: Session): number {
    return session.sent.overtakenAt(this.roundTrip.overtakenMs);
  }

  probeAt(session: Session): number {
    return session.sent.count === 0 ? never : this.askedAt + this.roundTrip.probeMs(this.silences);
  }
}
