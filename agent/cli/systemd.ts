import { spawn } from 'node:child_process';

/** Tells systemd, if it asked to be told. Node has no datagram sockets on paths: `systemd-notify` sends for us. */
export function tellSystemd(what: '--ready' | '--stopping'): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  const told = spawn('systemd-notify', [what, `--pid=${process.pid}`], { stdio: 'ignore' });
  told.on('error', () => undefined);
}
