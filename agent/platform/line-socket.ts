import { connect } from 'node:net';
import { messageOf } from '#kernel';

export interface LineEvents {
  readonly opened: () => void;
  readonly line: (text: string) => void;
  /** Once; also when it could not be opened. */
  readonly closed: (why: string) => void;
}

export interface LineSocket {
  /** Resolves when more can be written, or it has closed. */
  write(text: string): Promise<void>;
  close(): void;
}

/** Who sends more than this without a line end is no partner. */
const lineLimit = 4096;

/** Lines of text to and from whoever listens on a Unix socket. */
export function openLines(path: string, events: LineEvents): LineSocket {
  const socket = connect({ path });
  let rest = '';
  let why = 'it closed the connection';
  socket.setEncoding('utf8');
  socket.once('connect', events.opened);
  socket.on('data', (piece: string) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) events.line(line);
    if (rest.length <= lineLimit) return;
    why = 'it sent a line without an end';
    socket.destroy();
  });
  socket.once('end', () => socket.end());
  socket.once('error', (error) => {
    why = messageOf(error);
  });
  socket.once('close', () => events.closed(why));
  return {
    write: (text) => {
      if (socket.destroyed || socket.write(text)) return Promise.resolve();
      return new Promise((resolve) => {
        const done = (): void => {
          socket.off('drain', done);
          socket.off('close', done);
          resolve();
        };
        socket.once('drain', done);
        socket.once('close', done);
      });
    },
    close: () => socket.destroy(),
  };
}
