import { isDeepStrictEqual } from 'node:util';
import { assert, formatPeer, type ProxyServer, parsePeer, parseProxy, Secret } from '#kernel';
import { talkTo } from '../../agent/overlay/transport/proxy/proxy.ts';
import { decodeBeacon, encodeBeacon } from '../../agent/overlay/wire/beacon.ts';
import type { Target } from '../../scripts/fuzz/target.ts';
import { assertSame, hex } from './same.ts';

const text = (written: string): Uint8Array => Buffer.from(written);
const credentials = { user: 'u', password: new Secret(text('p')) };

/** What is heard before a link stands: beacons of strangers, answers of proxies, and addresses that people write. */
export const overlayLinks: readonly Target[] = [
  {
    name: 'overlay-beacon',
    seeds: () => [encodeBeacon({ port: 9651, routerId: 'ab'.repeat(40) })],
    run: (bytes) => {
      const beacon = decodeBeacon(bytes);
      if (beacon !== null) assertSame(bytes, encodeBeacon(beacon));
    },
  },
  {
    name: 'overlay-socks5',
    seeds: () => [
      Uint8Array.of(5, 0, 5, 0, 0, 1, 127, 0, 0, 1, 4, 0, 1, 2),
      Uint8Array.of(5, 2, 1, 0, 5, 0, 0, 3, 1, 97, 4, 0, 1, 2),
      Uint8Array.of(5, 2, 1, 0, 5, 5, 0, 4),
    ],
    run: (bytes) => talksTheSame('socks5', bytes),
  },
  {
    name: 'overlay-http-connect',
    seeds: () => [text('HTTP/1.1 200 OK\r\nVia: x\r\n\r\nrest'), text('HTTP/1.0 407 No\r\n\r\n')],
    run: (bytes) => talksTheSame('http', bytes),
    maxBytes: 16_384,
  },
  {
    name: 'overlay-address',
    seeds: () => ['tcp://a:1', 'tls://[fe80::1%eth0]:9651', 'socks5://u:%41@h:1', 'quic://x:1'].map(text),
    run: (bytes) => {
      const written = Buffer.from(bytes).toString();
      parseProxy(written);
      const parsed = parsePeer(written);
      if (!parsed.ok) return;
      const again = parsePeer(formatPeer(parsed.peer));
      assert(again.ok && isDeepStrictEqual(again.peer, parsed.peer), `${written} reads differently again`);
    },
  },
];

function talksTheSame(kind: ProxyServer['kind'], bytes: Uint8Array): void {
  const pieces = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  const [whole, cut] = [outcome(kind, [bytes]), outcome(kind, pieces)];
  assert(whole === cut, `in one piece ${whole}, in many ${cut}`);
}

/** How the talk ends, with all bytes behind the end. */
function outcome(kind: ProxyServer['kind'], pieces: readonly Uint8Array[]): string {
  const talk = talkTo({ kind, host: 'p', port: 1, credentials }, { host: 'h', port: 2 });
  talk.begin();
  for (const [index, piece] of pieces.entries()) {
    let step = talk.step(piece);
    for (let said = 0; step.kind === 'say'; said++) {
      assert(said < 4, 'a talk of few words');
      step = talk.step(new Uint8Array(0));
    }
    if (step.kind === 'refused') return 'refused';
    if (step.kind === 'through') return `through ${hex(Buffer.concat([step.rest, ...pieces.slice(index + 1)]))}`;
  }
  return 'waits';
}
