import { connect } from 'node:net';
import { AgentError, messageOf } from '#kernel';

/**
 * Writes to a Unix socket and collects what it says until it closes, `timeoutMs` are over or `replyBytes` are there. The
 * writing side stays open: a program that waits for its end would wait at a stock daemon too. Rejects with `net/socket`
 * when nobody listens there or the connection breaks.
 */
export function askSocket(
  path: string,
  payload: Uint8Array,
  { timeoutMs, replyBytes }: { readonly timeoutMs: number; readonly replyBytes: number },
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    const pieces: Buffer[] = [];
    let count = 0;
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(Buffer.concat(pieces).subarray(0, replyBytes));
    };
    const timer = setTimeout(finish, timeoutMs);
    socket.on('data', (piece) => {
      pieces.push(piece);
      count += piece.length;
      if (count >= replyBytes) finish();
    });
    socket.once('end', finish);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(new AgentError('net/socket', 'retry', `${path}: ${messageOf(error)}`, error));
    });
    socket.write(payload);
  });
}
