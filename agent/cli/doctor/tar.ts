const blockBytes = 512;

/** A ustar archive (POSIX.1-1988) of small texts, all of one time, readable by their owner. */
export function tar(texts: ReadonlyMap<string, string>): Buffer {
  const blocks: Buffer[] = [];
  for (const [name, text] of texts) {
    const content = Buffer.from(text);
    blocks.push(header(name, content.length), content, Buffer.alloc(-content.length & (blockBytes - 1)));
  }
  return Buffer.concat([...blocks, Buffer.alloc(2 * blockBytes)]);
}

/**
 * ```
 * name (100) | mode (8) | uid (8) | gid (8) | size (12) | mtime (12) | checksum (8) | type (1) | … | "ustar" 0 "00"
 * ```
 */
function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, digits: number): void =>
    void block.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
  block.write(name, 0, 100, 'latin1');
  octal(0o600, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(0, 136, 11);
  block.write('        0', 148, 'latin1');
  block.write('ustar\u000000', 257, 'latin1');
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  block[154] = 0;
  return block;
}
