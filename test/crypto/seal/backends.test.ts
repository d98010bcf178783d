import { readFileSync } from 'node:fs';
import test from 'ava';
import type { SealBackend } from '../../../agent/crypto/seal/backend.ts';
import { Hmac } from '../../../agent/crypto/seal/hmac.ts';
import { Hpke } from '../../../agent/crypto/seal/hpke.ts';
import { nodeBackend } from '../../../agent/crypto/seal/node.ts';
import { sodiumBackend } from '../../../agent/crypto/seal/sodium.ts';

/** The contract of a backend: RFC 9180's vectors, chosen cases of Wycheproof, and the other backend. */
interface HpkeCase {
  readonly mode: string;
  readonly info: string;
  readonly ikmE: string;
  readonly enc: string;
  readonly skR: string;
  readonly pkR: string;
  readonly skS?: string;
  readonly pkS?: string;
  readonly psk?: string;
  readonly pskId?: string;
  readonly exporterSecret: string;
  readonly exports: readonly (readonly [context: string, value: string])[];
}
interface Wycheproof {
  readonly x25519: readonly (readonly [id: number, flag: string, secret: string, open: string, shared: string])[];
  readonly chacha20Poly1305: readonly (readonly string[])[];
  readonly ed25519: readonly (readonly string[])[];
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../vectors/${name}`, import.meta.url), 'utf8'));
const { modes } = read('seal-rfc9180.json') as { modes: readonly HpkeCase[] };
const wycheproof = read('seal-wycheproof.json') as Wycheproof;
const bytes = (hex = ''): Buffer => Buffer.from(hex, 'hex');
const backends = [sodiumBackend(), nodeBackend()];

for (const backend of backends) {
  for (const each of modes) {
    test(`${backend.name}: RFC 9180 mode ${each.mode} encapsulates, opens and exports as printed there`, (t) => {
      const hpke = new Hpke(backend);
      const shared = {
        info: bytes(each.info),
        ...(each.psk === undefined ? {} : { psk: bytes(each.psk), pskId: bytes(each.pskId) }),
      };
      const sender = each.skS === undefined ? {} : { sender: { secret: bytes(each.skS), open: bytes(each.pkS) } };
      const enc = Buffer.alloc(32);
      const sent = hpke.send(enc, { ...shared, recipient: bytes(each.pkR), ephemeralIkm: bytes(each.ikmE), ...sender });
      const from = each.pkS === undefined ? {} : { sender: bytes(each.pkS) };
      const own = { secret: bytes(each.skR), open: bytes(each.pkR) };
      const received = hpke.receive({ ...shared, enc: bytes(each.enc), ...own, ...from });
      t.is(enc.toString('hex'), each.enc);
      for (const end of [sent, received]) {
        t.is(end?.secret.toString('hex'), each.exporterSecret);
        for (const [context, value] of each.exports) {
          const out = Buffer.alloc(32);
          end?.export(out, bytes(context));
          t.is(out.toString('hex'), value);
        }
      }
    });
  }

  test(`${backend.name}: X25519 does what Wycheproof wants, and refuses points that give no secret`, (t) => {
    for (const [id, flag, secret, open, shared] of wycheproof.x25519) {
      const out = Buffer.alloc(32, 1);
      const isGood = backend.agree(out, bytes(secret), bytes(open));
      t.is(isGood, !/^0+$/.test(shared), `case ${id} (${flag})`);
      t.is(out.toString('hex'), shared, `case ${id} (${flag})`);
    }
  });

  test(`${backend.name}: Ed25519 takes and refuses what Wycheproof says`, (t) => {
    for (const [id, flag, result, verifier, message, signature] of wycheproof.ed25519) {
      const isGood = backendVerifies(backend, bytes(signature), bytes(message), bytes(verifier));
      t.is(isGood, result === 'valid', `case ${id} (${flag})`);
    }
  });

  test(`${backend.name}: ChaCha20-Poly1305 takes and refuses what Wycheproof says`, (t) => {
    for (const [id, flag, result, key, nonce, associated, plain, sealed, tag] of wycheproof.chacha20Poly1305) {
      const message = bytes(plain);
      const whole = Buffer.concat([bytes(sealed), bytes(tag)]);
      const opened = Buffer.alloc(message.length);
      t.is(
        backend.decrypt(opened, whole, bytes(associated), bytes(key), bytes(nonce)),
        result === 'valid',
        `case ${id} (${flag})`,
      );
      if (result !== 'valid') continue;
      t.deepEqual(opened, message);
      const made = Buffer.concat([message, Buffer.alloc(16)]);
      backend.encrypt(made, made.subarray(0, message.length), bytes(associated), bytes(key), bytes(nonce));
      t.deepEqual(made, whole, `case ${id} (${flag})`);
    }
  });

  test(`${backend.name}: HMAC-SHA256 is RFC 4231's, HMAC-SHA-512 cut to 32 bytes too`, (t) => {
    const out = Buffer.alloc(32);
    new Hmac(backend).mac(out, Buffer.alloc(20, 0x0b), Buffer.from('Hi '), Buffer.from('There'));
    t.is(out.toString('hex'), 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7');
    backend.prf(out, Buffer.concat([Buffer.alloc(20, 0x0b), Buffer.alloc(12)]), Buffer.from('Hi There'));
    t.is(out.toString('hex'), '87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde');
  });
}

test('both backends compute the same of everything', (t) => {
  const seed = Buffer.alloc(32, 5);
  const of = (run: (backend: SealBackend, out: Buffer) => void, size = 32): void => {
    const [one, other] = backends.map((backend) => {
      const out = Buffer.alloc(size);
      run(backend, out);
      return out.toString('hex');
    });
    t.is(one, other);
    t.not(one, '00'.repeat(size));
  };
  of((backend, out) => backend.publicOf(out, seed));
  of((backend, out) => backend.verifierOf(out, seed));
  of((backend, out) => backend.sign(out, Buffer.from('words'), seed), 64);
  of((backend, out) => backend.edwardsBase(out, seed.map((byte, at) => (at === 31 ? 0 : byte)) as Buffer));
  of((backend, out) => backend.sha256(out, Buffer.from('words')));
  of((backend, out) => backend.sha512(out, Buffer.from('words')), 64);
  of((backend, out) => backend.encrypt(out, Buffer.alloc(0), Buffer.from('only associated'), seed), 16);
});

function backendVerifies(backend: SealBackend, signature: Buffer, message: Buffer, verifier: Buffer): boolean {
  return signature.length === 64 && backend.verify(signature, message, verifier);
}
