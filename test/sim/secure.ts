import { createHash } from 'node:crypto';
import { AgentError, type ByteLink, type LinkEvents, type LinkSide, type NetworkKey } from '#kernel';
import { takeOver } from './takeover.ts';

const proofBytes = 32;
const answers = { welcome: 1, wrong: 2 } as const;

const proofOf = ({ name, key }: NetworkKey): Buffer =>
  createHash('sha256').update(`${name}\0`).update(key.reveal()).digest();

/**
 * A stand-in for TLS with a pre-shared key: the side that dialled shows a proof, the other answers with a byte, and then
 * the bytes are as they were. Encrypts nothing; what it shares with the real one is what `Net.secure` promises.
 */
export function simulatedSecure(link: ByteLink, side: LinkSide, key: NetworkKey, events: LinkEvents): ByteLink {
  const secured = new SecuredLink(link, side, key, events);
  takeOver(link, secured);
  return secured;
}

class SecuredLink implements ByteLink, LinkEvents {
  readonly #link: ByteLink;
  readonly #side: LinkSide;
  readonly #key: NetworkKey;
  readonly #events: LinkEvents;
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #heard: Buffer = Buffer.alloc(0);
  #state: 'handshake' | 'open' | 'gone' = 'handshake';
  #isEnding = false;
  #cause: Error | null = null;

  constructor(link: ByteLink, side: LinkSide, key: NetworkKey, events: LinkEvents) {
    this.#link = link;
    this.#side = side;
    this.#key = key;
    this.#events = events;
    if (side === 'dialled') link.write(proofOf(key));
  }

  opened(): void {}

  received(bytes: Uint8Array): void {
    if (this.#state === 'open') return this.#events.received(bytes);
    if (this.#state === 'gone') return;
    this.#heard = Buffer.concat([this.#heard, bytes]);
    const wanted = this.#side === 'dialled' ? 1 : proofBytes;
    if (this.#heard.length < wanted) return;
    const [shown, rest] = [this.#heard.subarray(0, wanted), this.#heard.subarray(wanted)];
    if (this.#side === 'dialled') this.#answered(shown[0] ?? 0);
    else this.#asked(shown);
    if (rest.length > 0) this.received(rest);
  }

  drained(): void {
    if (this.#state === 'open') this.#events.drained();
  }

  closed(cause: Error | null): void {
    const left = this.#state === 'handshake' ? this.#error('net/reset', 'left during the handshake') : cause;
    this.#state = 'gone';
    this.#events.closed(this.#cause ?? left);
  }

  get queuedBytes(): number {
    return this.#earlyBytes + this.#link.queuedBytes;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state === 'gone' || this.#isEnding) return false;
    if (this.#state === 'open') return this.#link.write(bytes);
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
    return true;
  }

  pause(paused: boolean): void {
    this.#link.pause(paused);
  }

  end(): void {
    this.#isEnding = true;
    if (this.#state === 'open') this.#link.end();
  }

  destroy(): void {
    if (this.#state === 'handshake') this.#cause ??= null;
    this.#state = 'gone';
    this.#link.destroy();
  }

  #asked(proof: Buffer): void {
    const isRight = proof.equals(proofOf(this.#key));
    this.#link.write(Uint8Array.of(isRight ? answers.welcome : answers.wrong));
    if (isRight) return this.#open();
    this.#refuse('net/wrong-key');
  }

  #answered(answer: number): void {
    if (answer === answers.welcome) return this.#open();
    this.#refuse(answer === answers.wrong ? 'net/wrong-key' : 'net/not-tls');
  }

  #open(): void {
    this.#state = 'open';
    this.#events.opened();
    for (const bytes of this.#early) this.#link.write(bytes);
    this.#early = [];
    this.#earlyBytes = 0;
    if (this.#isEnding) this.#link.end();
  }

  #refuse(code: string): void {
    this.#cause = this.#error(code, `refused for the private network ${this.#key.name}`);
    this.#state = 'gone';
    this.#link.end();
  }

  #error(code: string, text: string): AgentError {
    return new AgentError(code, code === 'net/reset' ? 'retry' : 'reconfigure', `link: ${text}`);
  }
}
