import { AgentError, type Endpoint, messageOf, type Remedy } from '#kernel';

interface Kind {
  readonly code: string;
  readonly remedy: Remedy;
  readonly text: string;
}

const kinds: Readonly<Record<string, Kind>> = {
  EADDRINUSE: { code: 'net/in-use', remedy: 'reconfigure', text: 'the port is taken by another program' },
  EACCES: { code: 'net/denied', remedy: 'reconfigure', text: 'the system does not allow it' },
  EPERM: { code: 'net/denied', remedy: 'reconfigure', text: 'the system does not allow it' },
  EADDRNOTAVAIL: { code: 'net/no-address', remedy: 'reconfigure', text: 'this machine has no such address' },
  ECONNREFUSED: { code: 'net/refused', remedy: 'retry', text: 'nobody listens there' },
  ECONNRESET: { code: 'net/reset', remedy: 'retry', text: 'the far side broke the connection' },
  EPIPE: { code: 'net/reset', remedy: 'retry', text: 'the far side broke the connection' },
  ETIMEDOUT: { code: 'net/timeout', remedy: 'retry', text: 'no answer' },
  EHOSTUNREACH: { code: 'net/unreachable', remedy: 'retry', text: 'no way there' },
  ENETUNREACH: { code: 'net/unreachable', remedy: 'retry', text: 'no way there' },
  ENOTFOUND: { code: 'net/unknown-host', remedy: 'retry', text: 'no such name' },
  EAI_AGAIN: { code: 'net/unknown-host', remedy: 'retry', text: 'the name could not be looked up now' },
  ERR_SOCKET_BAD_PORT: { code: 'net/bad-port', remedy: 'reconfigure', text: 'a port is 0 to 65535' },
};

/** `Endpoint` as people write it: brackets around IPv6. */
export function formatEndpoint(at: Endpoint): string {
  return at.host.includes(':') ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`;
}

/** Node's error as an `AgentError` of the table above; what the table lacks is `net/io`. */
export function fromSystemError(error: unknown, at: Endpoint): AgentError {
  const name = error instanceof Error && 'code' in error ? String(error.code) : '';
  const kind = kinds[name] ?? { code: 'net/io', remedy: 'retry', text: messageOf(error) };
  return new AgentError(kind.code, kind.remedy, `${formatEndpoint(at)}: ${kind.text}`, error);
}
