import { createSecretKey, randomBytes } from 'node:crypto';
import { open, sealInto, sealOverheadBytes } from '#crypto';

const packetBytes = 65_507;
const totalBytes = 200_000_000;

/** MB/s that one core can seal and open again, in the longest packets there are: what encrypts cannot be faster. */
export function cipherMegabytes(): number {
  const key = createSecretKey(randomBytes(32));
  const nonce = randomBytes(12);
  const plain = randomBytes(packetBytes);
  const sealed = Buffer.alloc(packetBytes + sealOverheadBytes);
  const startedAt = performance.now();
  const count = Math.ceil(totalBytes / packetBytes);
  for (let packet = 0; packet < count; packet++) {
    sealInto(key, nonce, plain, sealed, 0);
    if (open(key, sealed) === null) throw new Error('a packet that does not open');
  }
  return (count * packetBytes) / (performance.now() - startedAt) / 1000;
}
