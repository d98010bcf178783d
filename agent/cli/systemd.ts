import { spawn } from 'node:child_process';

/** Tells systemd that every part serves, if it asked to be told. Node has no datagram sockets on paths: `systemd-notify` sends for us. */
export function tellReady(): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  const told = spawn('systemd-notify', ['--ready', `--pid=${process.pid}`], { stdio: 'ignore' });
  told.on('error', () => undefined);
  told.unref();
}
