import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { cpuMsOf } from '../../../test/load/agent-process.ts';
import { freePort } from '../../../test/load/ports.ts';

/**
 * `all limits off`: queue and flights without bound, the bridge redials after a second. `queue widened`: as shipped but for
 * a queue of a million, without which it drops what it acknowledged.
 */
export type Limits = 'all limits off' | 'queue widened';

const settings: Readonly<Record<Limits, { readonly broker: string; readonly bridge: string }>> = {
  'all limits off': { broker: 'max_queued_messages 0\nmax_inflight_messages 0\n', bridge: 'restart_timeout 1\n' },
  'queue widened': { broker: 'max_queued_messages 1000000\n', bridge: '' },
};

/** Two of Debian's mosquitto with a TLS bridge; nothing is dropped and nothing written to disk. */
export class MosquittoPair {
  readonly nearPort: number;
  readonly farPort: number;
  readonly tlsPort: number;
  readonly #directory: string;
  readonly #children: ChildProcess[] = [];

  private constructor(directory: string, ports: readonly number[], dialPort: number | null, limits: Limits) {
    this.#directory = directory;
    [this.nearPort = 0, this.farPort = 0, this.tlsPort = 0] = ports;
    chmodSync(directory, 0o755);
    makeCertificate(directory);
    const common = `allow_anonymous true\n${settings[limits].broker}per_listener_settings false\nuser root\n`;
    const bridge = [
      'connection far',
      `address localhost:${dialPort ?? this.tlsPort}`,
      'topic plant/# out 1 "" gateway/',
      'cleansession false',
      'notifications false',
      settings[limits].bridge,
      'bridge_protocol_version mqttv311',
      `bridge_cafile ${directory}/cert.pem`,
    ].join('\n');
    const tls = `listener ${this.tlsPort} 127.0.0.1\ncertfile ${directory}/cert.pem\nkeyfile ${directory}/key.pem\n`;
    writeFileSync(`${directory}/near.conf`, `${common}listener ${this.nearPort} 127.0.0.1\n${bridge}\n`);
    writeFileSync(`${directory}/far.conf`, `${common}listener ${this.farPort} 127.0.0.1\n${tls}`);
  }

  static async create(directory: string, dialPort: number | null, limits: Limits): Promise<MosquittoPair> {
    return new MosquittoPair(directory, [await freePort(), await freePort(), await freePort()], dialPort, limits);
  }

  async start(): Promise<void> {
    for (const name of ['far', 'near'])
      this.#children.push(spawn('mosquitto', ['-c', `${this.#directory}/${name}.conf`], { stdio: 'ignore' }));
    await Promise.all([this.nearPort, this.farPort, this.tlsPort].map(reachable));
  }

  cpuMs(): number {
    return this.#children.reduce((sum, child) => sum + cpuMsOf(child.pid), 0);
  }

  async stop(): Promise<void> {
    for (const child of this.#children) {
      const closed = new Promise((resolve) => child.once('close', resolve));
      child.kill();
      await closed;
    }
  }
}

function makeCertificate(directory: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const files = ['-keyout', `${directory}/key.pem`, '-out', `${directory}/cert.pem`];
  execFileSync('openssl', ['req', '-x509', '-days', '2', ...key, ...names, ...files], { stdio: 'ignore' });
}

/** Resolves when something listens on the port. */
async function reachable(port: number): Promise<void> {
  const tried = await new Promise<boolean>((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
  if (tried) return;
  await new Promise((resolve) => setTimeout(resolve, 50));
  await reachable(port);
}
