import test from 'ava';
import { Secret } from '#kernel';
import { SimulatedNetwork, World } from '#sim';
import { HttpConnect } from '../../agent/overlay/transport/proxy/http-connect.ts';
import { Socks5 } from '../../agent/overlay/transport/proxy/socks5.ts';
import type { ProxyStep, ProxyTalk } from '../../agent/overlay/transport/proxy/talk.ts';
import { dialInSteps } from '../../agent/overlay/transport/staged-link.ts';
import { Recorder } from '../contracts/net.ts';

const bytes = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const credentials = { user: 'me', password: new Secret(Buffer.from('hush')) };

function shown(step: ProxyStep): string {
  if (step.kind === 'say') return Buffer.from(step.bytes).toString('hex');
  if (step.kind === 'through') return `through ${Buffer.from(step.rest).toString('hex')}`;
  return step.kind === 'refused' ? step.why : 'wait';
}

const step = (talk: ProxyTalk, hex: string): string => shown(talk.step(bytes(hex)));

test('SOCKS5 asks for an IPv4 address, an IPv6 address or a name, as RFC 1928 writes them', (t) => {
  for (const [host, request] of [
    ['192.0.2.1', '05010001c0000201 25b3'],
    ['2001:db8::1', '05010004 20010db8000000000000000000000001 25b3'],
    ['hub.example', `05010003 0b ${Buffer.from('hub.example').toString('hex')} 25b3`],
  ] as const) {
    const talk = new Socks5({ host, port: 9651 }, null);
    t.is(Buffer.from(talk.begin()).toString('hex'), '050100');
    t.is(step(talk, '05'), 'wait');
    t.is(step(talk, '00'), Buffer.from(bytes(request)).toString('hex'));
    t.is(step(talk, '05000001 7f000001'), 'wait');
    t.is(step(talk, '0400 aabb'), 'through aabb');
  }
});

test('SOCKS5 logs in with user and password when the proxy wants them, as RFC 1929 writes them', (t) => {
  const talk = new Socks5({ host: 'h', port: 1 }, credentials);
  t.is(Buffer.from(talk.begin()).toString('hex'), '05020002');
  t.is(step(talk, '0502'), '01026d650468757368');
  t.is(step(talk, '0100'), '0501000301680001');
  t.is(step(talk, '05000003 03 616263 0001'), 'through ');
});

test('every refusal of a SOCKS5 proxy is told in words', (t) => {
  const after = (first: string, rest: string, login = credentials): string => {
    const talk = new Socks5({ host: 'h', port: 1 }, login);
    talk.begin();
    const told = step(talk, first);
    return rest === '' ? told : step(talk, rest);
  };
  t.is(after('05ff', ''), 'SOCKS5 proxy: it takes no user and password');
  t.is(after('0502', '0101'), 'SOCKS5 proxy: it refuses the user or the password');
  t.is(after('0500', '05050001'), 'SOCKS5 proxy: connection refused');
  t.is(after('0500', '05040001'), 'SOCKS5 proxy: host unreachable');
  t.is(after('0500', '05630001'), 'SOCKS5 proxy: reply 99');
  t.is(after('0500', '05000009'), 'SOCKS5 proxy: found address type 9, wanted 1, 3 or 4');
  t.is(after('0501', ''), 'SOCKS5 proxy: found a way to log in that was not offered');
  t.is(after('5353', ''), 'SOCKS5 proxy: found another protocol, wanted SOCKS version 5');
});

test('HTTP CONNECT names the target, and logs in by Basic', (t) => {
  const talk = new HttpConnect({ host: 'fd00::1', port: 9651 }, credentials);
  t.is(
    Buffer.from(talk.begin()).toString(),
    'CONNECT [fd00::1]:9651 HTTP/1.1\r\nHost: [fd00::1]:9651\r\nProxy-Authorization: Basic bWU6aHVzaA==\r\n\r\n',
  );
  t.is(shown(talk.step(Buffer.from('HTTP/1.1 200 OK\r\nVi'))), 'wait');
  t.is(shown(talk.step(Buffer.from('a: x\r\n\r\n\x01\x02'))), 'through 0102');
});

test('every refusal of an HTTP proxy is told in words', (t) => {
  const answer = (said: string): string => shown(new HttpConnect({ host: 'h', port: 1 }, null).step(Buffer.from(said)));
  t.is(answer('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'), 'HTTP proxy: it wants a user and a password');
  t.is(answer('HTTP/1.1 403 Forbidden\r\n\r\n'), 'HTTP proxy: status 403');
  t.is(answer('SSH-2.0-OpenSSH\r\n\r\n'), 'HTTP proxy: found another protocol, wanted an answer of HTTP/1.1');
  t.is(
    answer('HTTP/1.1 200 OK\r\n'.padEnd(9_000, 'x')),
    'HTTP proxy: found another protocol, wanted an answer of HTTP/1.1',
  );
});

test('bytes right behind the answer of a proxy are the first of the peer, and come after the link is open', async (t) => {
  const world = new World(76);
  const network = new SimulatedNetwork(world);
  const [near, far] = [network.boot('a'), network.boot('proxy')];
  await far.net.listen({ host: '::', port: 1080 }, (link) => {
    const asked = new Recorder();
    let heard = '';
    asked.received = (bytes) => {
      heard += Buffer.from(bytes).toString();
      if (heard.endsWith('\r\n\r\n')) link.write(Buffer.from('HTTP/1.1 200 Connected\r\n\r\nthe first'));
    };
    return asked;
  });
  const end = new Recorder();
  const proxy = { kind: 'http', host: 'proxy', port: 1080, credentials: null } as const;
  const link = dialInSteps(near.net, { to: { host: 'hub', port: 1 }, proxy, key: null }, end);
  t.true(await world.run(5_000, () => end.bytes === 9));
  t.deepEqual([end.text(), end.history], ['the first', ['opened', 'received']]);
  link.destroy();
});
