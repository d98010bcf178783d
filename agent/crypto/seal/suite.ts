/** X25519, HKDF-SHA256, ChaCha20-Poly1305. The next one adds ML-KEM-768. */
export const currentSuite = 1;
