import type { Socket } from 'node:net';
import type { ConnectionOptions, SecureContext, TLSSocket, TLSSocketOptions } from 'node:tls';
import {
  AgentError,
  assert,
  type ByteLink,
  type Endpoint,
  type LinkEvents,
  type LinkSide,
  type NetworkKey,
} from '#kernel';
import { formatEndpoint, fromSystemError } from './net-error.ts';
import { SocketLink } from './socket-link.ts';

/** WIRE.md §2. Both hash with SHA-256, which OpenSSL binds an external key to. */
const suites = 'TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256';

const both = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: suites,
  /** SSL_OP_NO_TICKET */
  secureOptions: 0x4000,
} as const;

interface Tls {
  readonly module: typeof import('node:tls');
  /** One for all: each costs 11 ms. */
  readonly context: SecureContext;
}

let loaded: Tls | null = null;

/** At first use: 16 ms that a start without a private network does not wait for. */
function loadTls(): Tls {
  if (loaded !== null) return loaded;
  const module = process.getBuiltinModule('node:tls');
  loaded = { module, context: module.createSecureContext(both) };
  return loaded;
}

/** TLS 1.3 with an external pre-shared key (and an ephemeral exchange) over a link of `realNet`. */
export function secure(link: ByteLink, side: LinkSide, network: NetworkKey, events: LinkEvents): ByteLink {
  assert(link instanceof SocketLink, 'a link of another network is made secure');
  const socket = link.surrender();
  const handshake = new Handshake(network);
  const secured = side === 'dialled' ? askFor(socket, network) : answerWith(socket, network, handshake);
  const above = new SocketLink(secured, link.far, (cause, far) => handshake.explain(cause, far));
  above.attach(events);
  secured.once(side === 'dialled' ? 'secureConnect' : 'secure', () => {
    // A far side that showed a certificate instead of the key has shown nothing.
    if (!secured.isSessionReused()) secured.destroy(handshake.noKey());
    else {
      handshake.isDone = true;
      above.opened();
    }
  });
  return above;
}

function askFor(socket: Socket, { name, key }: NetworkKey): TLSSocket {
  // Node's types want a hint that TLS 1.3 does not have.
  const pskCallback: ConnectionOptions['pskCallback'] = () => ({ psk: key.reveal(), identity: name });
  // Certificates are not looked at: `secure` wants the key shown, which none does.
  const { module, context: secureContext } = loadTls();
  return module.connect({ ...both, secureContext, socket, pskCallback, rejectUnauthorized: false });
}

interface ServerOptions extends TLSSocketOptions {
  readonly pskCallback: (socket: TLSSocket, identity: string) => Uint8Array | null;
}

function answerWith(socket: Socket, { name, key }: NetworkKey, handshake: Handshake): TLSSocket {
  const { module, context: secureContext } = loadTls();
  const options: ServerOptions = {
    isServer: true,
    secureContext,
    pskCallback: (_, identity) => {
      handshake.foundName = identity;
      return identity === name ? key.reveal() : null;
    },
  };
  return new module.TLSSocket(socket, options);
}

/** Ours: the handshake went well, but by a certificate. */
const noKeyCode = 'ERR_SSL_NO_KEY_SHOWN';
const wrongKeyCodes = new Set([
  'ERR_SSL_BINDER_DOES_NOT_VERIFY',
  'ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR',
  // What OpenSSL 3.0's s_server sends for a wrong binder.
  'ERR_SSL_SSL/TLS_ALERT_ILLEGAL_PARAMETER',
  'ERR_SSL_SSLV3_ALERT_ILLEGAL_PARAMETER',
]);
const wrongNameCodes = new Set([
  'ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM',
  'ERR_SSL_NO_SHARED_CIPHER',
  'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
  'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
  'ERR_SSL_TLSV1_ALERT_UNKNOWN_PSK_IDENTITY',
  noKeyCode,
]);

/** What OpenSSL says of a failed handshake, as a person can act on it. */
class Handshake {
  readonly #name: string;
  isDone = false;
  /** The network that a dialling far side asked for. */
  foundName: string | null = null;

  constructor({ name }: NetworkKey) {
    this.#name = name;
  }

  noKey(): Error {
    return Object.assign(new Error('a certificate, not the key'), { code: noKeyCode });
  }

  explain(cause: Error, far: Endpoint): AgentError {
    const code = 'code' in cause ? String(cause.code) : '';
    if (this.isDone || !code.startsWith('ERR_')) return this.#disconnected(cause, code, far);
    if (wrongKeyCodes.has(code)) return this.#wrong('found another key', far, cause);
    if (!wrongNameCodes.has(code)) return this.#notTls(far, cause);
    return this.#wrong(this.#whichName(), far, cause);
  }

  #whichName(): string {
    if (this.foundName === null) return 'found a node without the key';
    if (this.foundName === this.#name) return 'found no common cipher suite';
    return `found the network ${JSON.stringify(this.foundName.slice(0, 64))}`;
  }

  #wrong(found: string, far: Endpoint, cause: Error): AgentError {
    const wanted = `wanted name and key of the private network ${JSON.stringify(this.#name)}`;
    return new AgentError('net/wrong-key', 'reconfigure', `${formatEndpoint(far)}: ${found}, ${wanted}`, cause);
  }

  #notTls(far: Endpoint, cause: Error): AgentError {
    const text = `${formatEndpoint(far)}: found no TLS 1.3 there, wanted a node of a private network`;
    return new AgentError('net/not-tls', 'reconfigure', text, cause);
  }

  /** The connection went, before or after the handshake. */
  #disconnected(cause: Error, code: string, far: Endpoint): AgentError {
    if (this.isDone || code !== 'ECONNRESET') return fromSystemError(cause, far);
    const text = `${formatEndpoint(far)}: the far side left during the handshake, wanted a node of a private network`;
    return new AgentError('net/reset', 'retry', text, cause);
  }
}
