import { connect, createServer, type Socket } from 'node:net';

/** `delay.ts HOST PORT TO MS`: passes bytes between HOST:PORT and HOST:TO, MS later each way, in order, and reads as fast as can be. */
const [host = '', port = '', to = '', ms = '0'] = process.argv.slice(2);

createServer({ noDelay: true }, (near) => {
  const far = connect({ host, port: Number(to), noDelay: true });
  pass(near, far);
  pass(far, near);
}).listen(Number(port), host, () => process.stdout.write('ready\n'));

function pass(from: Socket, into: Socket): void {
  from.on('data', (chunk: Uint8Array) => setTimeout(() => into.write(chunk), Number(ms)));
  from.on('error', () => from.destroy());
  from.on('close', () => into.destroy());
}
