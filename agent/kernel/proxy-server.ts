import type { Endpoint } from './net.ts';
import { Secret } from './secret.ts';
import { splitUrl } from './url.ts';

/** A server that carries a TCP connection on to its target. */
export interface ProxyServer extends Endpoint {
  readonly kind: 'socks5' | 'http';
  readonly credentials: ProxyCredentials | null;
}

export interface ProxyCredentials {
  readonly user: string;
  readonly password: Secret;
}

/** `socks5://host:port`: never with credentials. */
export function formatProxy({ kind, host, port }: ProxyServer): string {
  return `${kind}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

const kinds: Readonly<Record<string, ProxyServer['kind']>> = { socks5: 'socks5', socks5h: 'socks5', http: 'http' };

/** `socks5://[user:password@]host:port` or `http://…`, with %-escapes in the credentials; null when it is neither. */
export function parseProxy(text: string): ProxyServer | null {
  const [, scheme = '', userinfo, place = ''] = /^([a-z0-9]+):\/\/(?:(.*)@)?([^@]*)$/i.exec(text) ?? [];
  const url = splitUrl(`${scheme}://${place}`);
  const kind = kinds[url?.scheme ?? ''];
  if (url === null || kind === undefined) return null;
  const credentials = userinfo === undefined ? null : parseCredentials(userinfo);
  if (credentials === undefined) return null;
  return { kind, host: url.host, port: url.port, credentials };
}

/** RFC 1929 has one byte for each length. */
const credentialBytes = 255;

function parseCredentials(userinfo: string): ProxyCredentials | undefined {
  const colon = userinfo.indexOf(':');
  const user = decodePart(colon === -1 ? userinfo : userinfo.slice(0, colon));
  const password = decodePart(colon === -1 ? '' : userinfo.slice(colon + 1));
  if (user === null || password === null || user === '') return undefined;
  const bytes = Buffer.from(password);
  if (Buffer.byteLength(user) > credentialBytes || bytes.length > credentialBytes) return undefined;
  return { user, password: new Secret(bytes) };
}

function decodePart(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
