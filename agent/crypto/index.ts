export { addressOf, formatAddress, formatSubnet, ipv6Hex, isNodeAddress, parseAddress, subnetOf } from './address.ts';
export {
  AtRestKey,
  atRestKeyBytes,
  atRestKeyIdBytes,
  atRestNonceBytes,
  atRestSaltBytes,
  atRestTagBytes,
} from './at-rest.ts';
export { blake3, prepareBlake3, RunningBlake3 } from './blake3.ts';
export { crc32 } from './crc.ts';
export type { Identity } from './identity.ts';
export { identityOf, secretKeyBytes } from './identity.ts';
export { nonceBytes, open, sealInto, sealOverheadBytes } from './packet.ts';
export type { SealBackend } from './seal/backend.ts';
export { nodeBackend } from './seal/node.ts';
export { createSealer } from './seal/sealer.ts';
export type { Sealing, SealingOptions, SealingPorts } from './seal/sealing.ts';
export { openSealing, sealFileNames } from './seal/sealing.ts';
export { sodiumBackend } from './seal/sodium.ts';
export type {
  OpenOptions,
  SealAlarm,
  SealCounters,
  SealEffect,
  Sealed,
  SealedKind,
  Sealer,
  SealerOptions,
  SealFile,
  SealPolicy,
  SealRefusal,
  SealRefusalReason,
  SealStatus,
  Unsealed,
} from './seal/types.ts';
export { type SharedKey, SharedKeys } from './shared.ts';
