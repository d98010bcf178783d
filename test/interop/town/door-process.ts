import { connect, createServer } from 'node:net';

/** `door-process.ts PATH PORT`: a Unix socket that leads to a port on loopback, out of the network namespace it runs in. */
const [path = '', port = ''] = process.argv.slice(2);
createServer((near) => {
  const far = connect({ host: '127.0.0.1', port: Number(port) });
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    from.on('error', () => from.destroy());
    from.on('close', () => to.destroy());
    from.pipe(to);
  }
}).listen(path, () => process.stdout.write('ready\n'));
