import { execFileSync } from 'node:child_process';

/** What one TCP connection has carried so far, both ways. */
export interface Carried {
  readonly packets: number;
  /** With the headers of IPv4 and TCP (20 and 32 bytes with time stamps), without those of the medium. */
  readonly bytes: number;
}

const headerBytes = 52;

/** By the kernel's own account (`ss -ti`), of the links to the node that listens on that port: acknowledgements of TCP count. */
export function carriedBy(port: number): Carried {
  const text = execFileSync('ss', ['-tinH', 'state', 'established', `( sport = :${port} )`], { encoding: 'latin1' });
  const count = (name: string): number => {
    let sum = 0;
    for (const [, digits] of text.matchAll(new RegExp(`\\b${name}:(\\d+)`, 'g'))) sum += Number(digits);
    return sum;
  };
  const packets = count('segs_out') + count('segs_in');
  return { packets, bytes: count('bytes_sent') + count('bytes_received') + packets * headerBytes };
}
