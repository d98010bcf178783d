import test from 'ava';
import { formatPeer, formatProxy, parsePeer, parseProxy } from '#kernel';

test("a node's address is read as it is written, IPv6 in brackets and with the name of an interface", (t) => {
  for (const [written, host] of [
    ['tcp://192.0.2.1:9651', '192.0.2.1'],
    ['tls://[2001:db8::1]:9651', '2001:db8::1'],
    ['tcp://hub.example:9651', 'hub.example'],
    ['tcp://[fe80::1%wlanX0]:9651', 'fe80::1%wlanX0'],
  ] as const) {
    const parsed = parsePeer(written);
    t.true(parsed.ok && parsed.peer.host === host, written);
    t.is(parsed.ok ? formatPeer(parsed.peer) : '', written);
  }
  t.like(parsePeer('TCP://HUB.Example:1/'), { ok: true, peer: { scheme: 'tcp', host: 'hub.example', port: 1 } });
  for (const wrong of [
    '',
    'hub:1',
    'tcp://hub',
    'tcp://hub:70000',
    'tcp://a b:1',
    'udp://a:1',
    'tcp://me@a:1',
    'tcp://[::1:1',
  ])
    t.false(parsePeer(wrong).ok, wrong);
});

test('a proxy is read with its credentials, and shown without them', (t) => {
  const proxy = parseProxy('socks5://me%40plant:p%3Ass@proxy.example:1080');
  t.like(proxy, { kind: 'socks5', host: 'proxy.example', port: 1080 });
  t.is(proxy?.credentials?.user, 'me@plant');
  t.is(Buffer.from(proxy?.credentials?.password.reveal() ?? []).toString(), 'p:ss');
  t.is(proxy === null ? '' : formatProxy(proxy), 'socks5://proxy.example:1080');
  t.false(JSON.stringify(proxy).includes('p:ss'));
  t.like(parseProxy('http://[::1]:3128'), { kind: 'http', host: '::1', credentials: null });
  t.like(parseProxy('socks5h://a:1'), { kind: 'socks5' });
  for (const wrong of [
    'a:1',
    'https://a:1',
    'socks5://a',
    'http://:pw@a:1',
    `http://u:${'x'.repeat(256)}@a:1`,
    'http://%zz@a:1',
  ])
    t.is(parseProxy(wrong), null, wrong);
});
