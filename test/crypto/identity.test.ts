import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { addressOf, formatAddress, formatSubnet, identityOf, parseAddress, SharedKeys, subnetOf } from '#crypto';
import { type Address, isAgentError, type PublicKey } from '#kernel';

interface Vectors {
  readonly keys: Readonly<Record<string, string>>;
  readonly public: Readonly<Record<string, string>>;
  readonly address: Readonly<Record<string, string>>;
  readonly identities: readonly { readonly secret: string; readonly public: string; readonly address: string }[];
}

const vectors = JSON.parse(readFileSync(new URL('../vectors/mycelium.json', import.meta.url), 'utf8')) as Vectors;
const of = (secret: string) => identityOf(Buffer.from(secret, 'hex'));

test('a secret key gives the public key and the address that a stock node derives from it', (t) => {
  for (const { secret, public: publicKey, address } of vectors.identities) {
    const identity = of(secret);
    t.is(identity.publicKey, publicKey as PublicKey);
    t.is(formatAddress(identity.address), address);
  }
  for (const [name, secret] of Object.entries(vectors.keys)) {
    t.is(of(secret).publicKey, vectors.public[name] as PublicKey);
    t.is(formatAddress(of(secret).address), vectors.address[name] ?? '');
  }
});

test('a key file that is not 32 bytes is refused, and the refusal says what was found', (t) => {
  const error = t.throws(() => identityOf(new Uint8Array(31)));
  t.true(isAgentError(error, 'crypto/bad-key'));
  t.regex(error?.message ?? '', /31 bytes, wanted 32/);
});

test('an identity shows no secret when it is printed or serialised', (t) => {
  const identity = of('42'.repeat(32));
  t.notRegex(JSON.stringify(identity), /4242/);
  t.regex(JSON.stringify(identity), /\[secret\]/);
});

test('addresses are written in canonical IPv6 text', (t) => {
  const text = (hex: string): string => formatAddress(hex as Address);
  t.is(text('04f884b0d7be73009e55e1574093239f'), '4f8:84b0:d7be:7300:9e55:e157:4093:239f');
  t.is(text('04000000000000000000000000000001'), '400::1');
  t.is(text('04000000000000010000000000000001'), '400:0:0:1::1');
  t.is(text('04000000000100000000000000000001'), '400:0:1::1');
  t.is(text('04000000000000000000000000000000'), '400::');
  t.is(text('04000001000200030004000500060000'), '400:1:2:3:4:5:6:0');
  t.is(formatSubnet(subnetOf('04f884b0d7be73009e55e1574093239f' as Address)), '4f8:84b0:d7be:7300::/64');
});

test('any IPv6 spelling of a node address is read, and what is no node address is refused', (t) => {
  t.is(parseAddress('4F8:84b0:d7be:7300::1'), '04f884b0d7be73000000000000000001' as Address);
  t.is(parseAddress('400::'), '04000000000000000000000000000000' as Address);
  for (const bad of [
    '',
    '::',
    '::1',
    'fe80::1',
    '400',
    '400:::1',
    '400::1::2',
    '400:1:2:3:4:5:6:7:8',
    '400::12345',
    '4g0::',
    '400::1%eth0',
    '1:2:3:4:5:6:7::8',
  ]) {
    t.is(parseAddress(bad), null, bad);
  }
});

test('every address survives being written and read', (t) => {
  const group = fc.oneof(
    fc.constant('0000'),
    fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16).padStart(4, '0')),
  );
  fc.assert(
    fc.property(
      fc.array(group, { minLength: 7, maxLength: 7 }),
      fc.integer({ min: 0x400, max: 0x5ff }),
      (groups, first) => {
        const address = `0${first.toString(16)}${groups.join('')}` as Address;
        t.is(parseAddress(formatAddress(address)), address);
      },
    ),
  );
  fc.assert(fc.property(fc.string(), (text) => void parseAddress(text)));
});

test('two nodes agree on one secret, and a low-order key gives none', (t) => {
  const [a, b] = [of('01'.repeat(32)), of('02'.repeat(32))];
  const there = new SharedKeys(a).with(b.publicKey);
  const back = new SharedKeys(b).with(a.publicKey);
  t.true(there !== null && back !== null && there.equals(back));
  const lowOrder = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    `ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f`,
  ];
  for (const key of lowOrder) t.is(new SharedKeys(a).with(key as PublicKey), null, key);
});

test('remembered secrets are bounded, and the one not used for longest is forgotten first', (t) => {
  const shared = new SharedKeys(of('01'.repeat(32)), 3);
  const others = ['02', '03', '04', '05'].map((byte) => of(byte.repeat(32)).publicKey) as [
    PublicKey,
    PublicKey,
    PublicKey,
    PublicKey,
  ];
  const first = shared.with(others[0]);
  const second = shared.with(others[1]);
  shared.with(others[2]);
  t.is(shared.with(others[0]), first);
  shared.with(others[3]);
  t.is(shared.count, 3);
  t.is(shared.with(others[0]), first);
  t.not(shared.with(others[1]), second);
});

test('the address of a key is in 400::/7', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (key) => {
      t.regex(addressOf(Buffer.from(key).toString('hex') as PublicKey), /^0[45][0-9a-f]{30}$/);
    }),
  );
});
