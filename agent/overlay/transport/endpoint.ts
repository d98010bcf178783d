import type { Endpoint } from '#kernel';
import type { ProxyServer } from './proxy/proxy.ts';
import type { Scheme } from './scheme.ts';

/** Where a link goes to or is taken: an address with its scheme. */
export interface PeerEndpoint extends Endpoint {
  /** Default: `tcp`. In a private network `tcp` means `tls`. */
  readonly scheme?: Scheme;
  /** Null: straight there. Left out: by the overlay's own proxy, if it has one. */
  readonly proxy?: ProxyServer | null;
}

/** `tls://[fe80::1%eth0]:9651` */
export function formatPeer({ scheme, host, port }: PeerEndpoint): string {
  return `${scheme ?? 'tcp'}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Scheme, host and port of an address as people write it; null when it is none. Which schemes there are is another matter. */
export function splitUrl(
  text: string,
): { readonly scheme: string; readonly host: string; readonly port: number } | null {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(?:\[([0-9a-f:.]+(?:%[\w.-]+)?)\]|([^\s:/?#@[\]]+)):(\d{1,5})\/?$/i.exec(
    text,
  );
  const [, scheme = '', literal, name = '', digits = ''] = match ?? [];
  const port = Number(digits);
  if (match === null || port > 65_535) return null;
  return { scheme: scheme.toLowerCase(), host: hostOf(literal ?? name), port };
}

/** Lower case, but for the name of an interface. */
function hostOf(written: string): string {
  const [address = '', ...scope] = written.split('%');
  return [address.toLowerCase(), ...scope].join('%');
}
