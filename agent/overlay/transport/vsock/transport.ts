import type { Refused } from '../scheme.ts';

/** See DECISIONS.md: Node cannot open AF_VSOCK sockets. */
export const vsock: Refused = {
  kind: 'refused',
  scheme: 'vsock',
  why: 'tcp:// (this program has no vsock://; bridge it with: socat TCP-LISTEN:9651,fork,bind=127.0.0.1 VSOCK-CONNECT:CID:PORT)',
};
