export { addressOf, formatAddress, formatSubnet, ipv6Hex, isNodeAddress, parseAddress, subnetOf } from './address.ts';
export { blake3, prepareBlake3, RunningBlake3 } from './blake3.ts';
export { crc32 } from './crc.ts';
export type { Identity } from './identity.ts';
export { identityOf, secretKeyBytes } from './identity.ts';
export { nonceBytes, open, sealInto, sealOverheadBytes } from './packet.ts';
export { type SharedKey, SharedKeys } from './shared.ts';
