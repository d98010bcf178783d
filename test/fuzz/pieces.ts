/** Several packets in one input: each behind its length in two bytes. What the last length promises may be cut short. */
export function* piecesOf(bytes: Uint8Array): Generator<Buffer> {
  const input = Buffer.from(bytes);
  for (let at = 0; at + 2 <= input.length; ) {
    const end = at + 2 + input.readUInt16BE(at);
    yield input.subarray(at + 2, end);
    at = end;
  }
}

export function joined(pieces: readonly Uint8Array[]): Buffer {
  return Buffer.concat(pieces.flatMap((piece) => [Uint8Array.of(piece.length >> 8, piece.length), piece]));
}
