import type { Endpoint, ProxyServer } from '#kernel';
import { HttpConnect } from './http-connect.ts';
import { Socks5 } from './socks5.ts';
import type { ProxyTalk } from './talk.ts';

export function talkTo({ kind, credentials }: ProxyServer, target: Endpoint): ProxyTalk {
  return kind === 'socks5' ? new Socks5(target, credentials) : new HttpConnect(target, credentials);
}
