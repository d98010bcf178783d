import { fdatasyncSync, openSync, writeSync } from 'node:fs';
import { createServer } from 'node:net';
import { prepareBlake3, RunningBlake3 } from '#crypto';

/** The far end of a plain copy: hashes what comes, writes it to the file named, syncs it, and answers with the hash. */
const [file = ''] = process.argv.slice(2);
await prepareBlake3();
const server = createServer((socket) => {
  const fd = openSync(file, 'w');
  const hash = new RunningBlake3();
  socket.on('data', (chunk) => {
    hash.update(chunk);
    writeSync(fd, chunk);
  });
  socket.on('end', () => {
    fdatasyncSync(fd);
    socket.end(hash.digest());
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : 0}\n`);
});
process.stdin.resume().once('end', () => process.exit());
