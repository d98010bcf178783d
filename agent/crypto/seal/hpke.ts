import { assert } from '#kernel';
import type { SealBackend } from './backend.ts';
import { Hmac } from './hmac.ts';

/** RFC 9180 with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, export only. Modes of §5. */
export interface HpkeInfo {
  readonly info: Uint8Array;
  /** Both or neither: modes psk and auth_psk. */
  readonly psk?: Buffer;
  readonly pskId?: Uint8Array;
}

export interface HpkeSender extends HpkeInfo {
  readonly recipient: Buffer;
  /** 32 bytes of key material for the ephemeral key; §7.1.3. */
  readonly ephemeralIkm: Buffer;
  /** Modes auth and auth_psk. */
  readonly sender?: { readonly secret: Buffer; readonly open: Buffer };
}

export interface HpkeRecipient extends HpkeInfo {
  readonly enc: Buffer;
  readonly secret: Buffer;
  readonly open: Buffer;
  readonly sender?: Buffer;
}

const version = Buffer.from('HPKE-v1', 'ascii');
const kemSuite = Buffer.concat([Buffer.from('KEM', 'ascii'), Buffer.of(0, 0x20)]);
const suite = Buffer.concat([Buffer.from('HPKE', 'ascii'), Buffer.of(0, 0x20, 0, 0x01, 0xff, 0xff)]);
const none = Buffer.alloc(0);
const text = (word: string): Buffer => Buffer.from(word, 'ascii');
const words = {
  dkpPrk: text('dkp_prk'),
  sk: text('sk'),
  eaePrk: text('eae_prk'),
  sharedSecret: text('shared_secret'),
  pskIdHash: text('psk_id_hash'),
  infoHash: text('info_hash'),
  secret: text('secret'),
  exp: text('exp'),
  sec: text('sec'),
} as const;

/** What is left of a context that only exports. Its owner wipes it. */
export class Exporter {
  readonly #hpke: Hpke;
  readonly secret: Buffer;

  constructor(hpke: Hpke, secret: Buffer) {
    this.#hpke = hpke;
    this.secret = secret;
  }

  /** §5.3 */
  export(out: Buffer, context: Uint8Array): void {
    this.#hpke.expand(out, suite, this.secret, words.sec, context);
  }
}

export class Hpke {
  readonly #backend: SealBackend;
  readonly #hmac: Hmac;

  constructor(backend: SealBackend, hmac = new Hmac(backend)) {
    this.#backend = backend;
    this.#hmac = hmac;
  }

  /** SetupXS; null when a key gives no secret. `enc`: 32 bytes, written. */
  send(enc: Buffer, options: HpkeSender): Exporter | null {
    const { recipient, sender } = options;
    const ephemeral = Buffer.alloc(32);
    this.deriveSecret(ephemeral, options.ephemeralIkm);
    this.#backend.publicOf(enc, ephemeral);
    const shared = Buffer.alloc(sender === undefined ? 32 : 64);
    let isGood = this.#backend.agree(shared.subarray(0, 32), ephemeral, recipient);
    if (sender !== undefined) isGood &&= this.#backend.agree(shared.subarray(32), sender.secret, recipient);
    this.#backend.wipe(ephemeral);
    const context = Buffer.concat([enc, recipient, sender?.open ?? none]);
    return this.#setup(isGood, shared, context, sender !== undefined, options);
  }

  /** SetupXR */
  receive(options: HpkeRecipient): Exporter | null {
    const { enc, secret, open, sender } = options;
    const shared = Buffer.alloc(sender === undefined ? 32 : 64);
    let isGood = this.#backend.agree(shared.subarray(0, 32), secret, enc);
    if (sender !== undefined) isGood &&= this.#backend.agree(shared.subarray(32), secret, sender);
    return this.#setup(isGood, shared, Buffer.concat([enc, open, sender ?? none]), sender !== undefined, options);
  }

  /** DeriveKeyPair, the secret half. §7.1.3 */
  deriveSecret(out: Buffer, ikm: Buffer): void {
    const prk = Buffer.alloc(32);
    this.#extract(prk, kemSuite, none, words.dkpPrk, ikm);
    this.expand(out, kemSuite, prk, words.sk, none);
    this.#backend.wipe(prk);
  }

  /** LabeledExpand; §4 */
  expand(out: Buffer, suiteId: Buffer, prk: Buffer, word: Buffer, info: Uint8Array): void {
    const size = Buffer.of(out.length >> 8, out.length & 0xff);
    this.#hmac.expand(out, prk, Buffer.concat([size, version, suiteId, word, info]));
  }

  /** LabeledExtract */
  #extract(out: Buffer, suiteId: Buffer, salt: Buffer, word: Buffer, ikm: Uint8Array): void {
    this.#hmac.mac(out, salt, version, suiteId, word, ikm);
  }

  /** ExtractAndExpand and KeySchedule; §4.1, §5.1. Wipes `shared`. */
  #setup(isGood: boolean, shared: Buffer, context: Buffer, isAuth: boolean, options: HpkeInfo): Exporter | null {
    if (!isGood) {
      this.#backend.wipe(shared);
      return null;
    }
    const prk = Buffer.alloc(32);
    const secret = Buffer.alloc(32);
    this.#extract(prk, kemSuite, none, words.eaePrk, shared);
    this.#backend.wipe(shared);
    this.expand(secret, kemSuite, prk, words.sharedSecret, context);
    const { psk, pskId, info } = options;
    assert((psk === undefined) === (pskId === undefined), 'a psk has an id');
    const schedule = Buffer.alloc(65);
    schedule[0] = (isAuth ? 2 : 0) + (psk === undefined ? 0 : 1);
    this.#extract(schedule.subarray(1, 33), suite, none, words.pskIdHash, pskId ?? none);
    this.#extract(schedule.subarray(33), suite, none, words.infoHash, info);
    this.#extract(prk, suite, secret, words.secret, psk ?? none);
    this.expand(secret, suite, prk, words.exp, schedule);
    this.#backend.wipe(prk);
    this.#backend.wipe(schedule);
    return new Exporter(this, secret);
  }
}
