import { constant, hexSizedBy, isRefusal, layout, lengthOf, reserved, sizedBy, u8, u16 } from '#codec';
import { ipv6Hex } from '#crypto';
import { type Endpoint, hexOf, type ProxyCredentials } from '#kernel';
import type { ProxyStep, ProxyTalk } from './talk.ts';

const version = constant(u8, 5);
const methods = { none: 0, credentials: 2, unacceptable: 0xff } as const;
const addressType = { ipv4: 1, name: 3, ipv6: 4 } as const;

/** Version identifier and method selection. RFC 1928 §3. 2 bytes and the methods. */
const greeting = layout('socks5-greeting', { version, count: lengthOf('methods', u8), methods: sizedBy('count') });
/** The method taken. RFC 1928 §3. 2 bytes. */
const choice = layout('socks5-choice', { version, method: u8 });
/** Username and password. RFC 1929 §2. 3 bytes and the texts. */
const login = layout('socks5-login', {
  version: constant(u8, 1),
  userBytes: lengthOf('user', u8),
  user: sizedBy('userBytes'),
  passwordBytes: lengthOf('password', u8),
  password: sizedBy('passwordBytes'),
});
/** What the server makes of them. RFC 1929 §2. 2 bytes; status 0: welcome. */
const verdict = layout('socks5-verdict', { version: u8, status: u8 });

const command = { version, connect: constant(u8, 1), reserved: reserved(1) };
/** CONNECT to an address. RFC 1928 §4, §5. 6 bytes and the address. */
const connectAddress = layout('socks5-connect', {
  ...command,
  type: u8,
  address: hexSizedBy('type', (type) => (type === addressType.ipv4 ? 4 : 16)),
  port: u16,
});
/** CONNECT to a name, which the proxy looks up. RFC 1928 §4, §5. 7 bytes and the name. */
const connectName = layout('socks5-connect-name', {
  ...command,
  type: constant(u8, addressType.name),
  nameBytes: lengthOf('name', u8),
  name: sizedBy('nameBytes'),
  port: u16,
});
/** The beginning of a reply; the address that the proxy connects from and its port follow. RFC 1928 §6. 4 bytes. */
const replyHead = layout('socks5-reply', { version, reply: u8, reserved: u8, type: u8 });
const replyHeadBytes = 4;

const replies = [
  'through',
  'general failure',
  'not allowed by its rules',
  'network unreachable',
  'host unreachable',
  'connection refused',
  'timed out',
  'command not supported',
  'address type not supported',
];

const wait: ProxyStep = { kind: 'wait' };
const refused = (why: string): ProxyStep => ({ kind: 'refused', why: `SOCKS5 proxy: ${why}` });

/**
 * SOCKS version 5, the client's side, for one CONNECT. States: greeting → (login →) request → through. Keeps at most one
 * reply, 262 bytes.
 */
export class Socks5 implements ProxyTalk {
  readonly #target: Endpoint;
  readonly #credentials: ProxyCredentials | null;
  #state: 'greeting' | 'login' | 'request' = 'greeting';
  #heard: Buffer = Buffer.alloc(0);

  constructor(target: Endpoint, credentials: ProxyCredentials | null) {
    this.#target = target;
    this.#credentials = credentials;
  }

  begin(): Uint8Array {
    const offered = this.#credentials === null ? [methods.none] : [methods.none, methods.credentials];
    return greeting.encode({ methods: Uint8Array.from(offered) });
  }

  step(bytes: Uint8Array): ProxyStep {
    this.#heard = Buffer.concat([this.#heard, bytes]);
    switch (this.#state) {
      case 'greeting':
        return this.#chosen();
      case 'login':
        return this.#judged();
      case 'request':
        return this.#replied();
    }
  }

  #chosen(): ProxyStep {
    const found = this.#take(2);
    if (found === null) return wait;
    const answer = choice.decode(found);
    if (isRefusal(answer)) return refused('found another protocol, wanted SOCKS version 5');
    if (answer.method === methods.none) return this.#ask();
    if (answer.method === methods.unacceptable) return refused(this.#unwelcome());
    if (answer.method !== methods.credentials || this.#credentials === null)
      return refused('found a way to log in that was not offered');
    this.#state = 'login';
    const { user, password } = this.#credentials;
    return { kind: 'say', bytes: login.encode({ user: Buffer.from(user), password: password.reveal() }) };
  }

  #unwelcome(): string {
    return this.#credentials === null ? 'it wants a user and a password' : 'it takes no user and password';
  }

  #judged(): ProxyStep {
    const found = this.#take(2);
    if (found === null) return wait;
    const answer = verdict.decode(found);
    if (isRefusal(answer) || answer.status !== 0) return refused('it refuses the user or the password');
    return this.#ask();
  }

  #ask(): ProxyStep {
    this.#state = 'request';
    return { kind: 'say', bytes: requestFor(this.#target) };
  }

  #replied(): ProxyStep {
    const head = replyHead.decode(this.#heard.subarray(0, replyHeadBytes));
    if (this.#heard.length < replyHeadBytes) return wait;
    if (isRefusal(head)) return refused('found another protocol, wanted SOCKS version 5');
    if (head.reply !== 0) return refused(replies[head.reply] ?? `reply ${head.reply}`);
    const addressBytes = this.#boundBytes(head.type);
    if (addressBytes === null) return refused(`found address type ${head.type}, wanted 1, 3 or 4`);
    const whole = replyHeadBytes + addressBytes + 2;
    if (this.#heard.length < whole) return wait;
    return { kind: 'through', rest: this.#heard.subarray(whole) };
  }

  #boundBytes(type: number): number | null {
    if (type === addressType.ipv4) return 4;
    if (type === addressType.ipv6) return 16;
    return type === addressType.name ? 1 + (this.#heard[replyHeadBytes] ?? 255) : null;
  }

  #take(count: number): Uint8Array | null {
    if (this.#heard.length < count) return null;
    const taken = this.#heard.subarray(0, count);
    this.#heard = this.#heard.subarray(count);
    return taken;
  }
}

function requestFor({ host, port }: Endpoint): Uint8Array {
  const ipv4 = ipv4Hex(host);
  if (ipv4 !== null) return connectAddress.encode({ type: addressType.ipv4, address: ipv4, port });
  const ipv6 = ipv6Hex(host);
  if (ipv6 !== null) return connectAddress.encode({ type: addressType.ipv6, address: ipv6, port });
  return connectName.encode({ name: Buffer.from(host).subarray(0, 255), port });
}

function ipv4Hex(host: string): string | null {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(host)) return null;
  const octets = host.split('.').map(Number);
  return octets.every((octet) => octet <= 255) ? hexOf(Uint8Array.from(octets)) : null;
}
