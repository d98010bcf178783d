import type { Endpoint, ProxyCredentials } from '#kernel';
import type { ProxyStep, ProxyTalk } from './talk.ts';

/** The longest answer that is read: a proxy that says more is not one. */
const headLimitBytes = 8192;
const endOfHead = '\r\n\r\n';

const refused = (why: string): ProxyStep => ({ kind: 'refused', why: `HTTP proxy: ${why}` });

/** CONNECT of HTTP/1.1, the client's side. RFC 9110 §9.3.6; credentials: Basic, RFC 7617. Keeps at most 8 KiB. */
export class HttpConnect implements ProxyTalk {
  readonly #target: Endpoint;
  readonly #credentials: ProxyCredentials | null;
  #heard: Buffer = Buffer.alloc(0);

  constructor(target: Endpoint, credentials: ProxyCredentials | null) {
    this.#target = target;
    this.#credentials = credentials;
  }

  begin(): Uint8Array {
    const { host, port } = this.#target;
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`, ...this.#authorization(), '', ''];
    return Buffer.from(lines.join('\r\n'));
  }

  step(bytes: Uint8Array): ProxyStep {
    this.#heard = Buffer.concat([this.#heard, bytes.subarray(0, headLimitBytes + endOfHead.length)]);
    const end = this.#heard.indexOf(endOfHead);
    if (end === -1 && this.#heard.length <= headLimitBytes) return { kind: 'wait' };
    const [, status] = /^HTTP\/1\.[01] (\d{3})\b/.exec(this.#heard.toString('latin1', 0, 64)) ?? [];
    if (status === undefined || end === -1) return refused('found another protocol, wanted an answer of HTTP/1.1');
    // 407 by the RFC; tinyproxy says 401 when they are wrong.
    if (status === '407' || status === '401') return refused(this.#unwelcome());
    if (!status.startsWith('2')) return refused(`status ${status}`);
    const restAt = end + endOfHead.length;
    const [held, more] = [this.#heard.subarray(restAt), bytes.subarray(headLimitBytes + endOfHead.length)];
    return { kind: 'through', rest: more.length === 0 ? held : Buffer.concat([held, more]) };
  }

  #unwelcome(): string {
    return this.#credentials === null ? 'it wants a user and a password' : 'it refuses the user or the password';
  }

  #authorization(): string[] {
    if (this.#credentials === null) return [];
    const { user, password } = this.#credentials;
    const token = Buffer.concat([Buffer.from(`${user}:`), password.reveal()]).toString('base64');
    return [`Proxy-Authorization: Basic ${token}`];
  }
}
