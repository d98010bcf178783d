import { crc32 as zlibs } from 'node:zlib';

/** CRC-32 of the bytes (ISO 3309): finds torn and decayed bytes, and nobody's intent. */
export const crc32 = (bytes: Uint8Array): number => zlibs(bytes);
