import type { Refused } from '../scheme.ts';

/** See DECISIONS.md: Node 24 is built without QUIC, and no maintained library runs on arm64 inside the single binary. */
export const quic: Refused = {
  kind: 'refused',
  scheme: 'quic',
  why: 'tcp:// or, in a private network, tls:// (this program has no quic://; a stock node listens for tcp:// on the same port)',
};
