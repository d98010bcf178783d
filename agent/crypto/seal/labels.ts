/** Every derivation has its own label: ASCII "hypha-seal/1 " and a word. */
export const label = (word: string): Buffer => Buffer.from(`hypha-seal/1 ${word}`, 'ascii');

export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
