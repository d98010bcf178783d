import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { cpuMsOf } from '../../../test/load/agent-process.ts';
import { freePort } from '../../../test/load/ports.ts';

/**
 * `all limits off`: queue and flights without bound, the bridge redials after a second. `queue widened`: as shipped but for
 * a queue of a million, without which it drops what it acknowledged. `kept on disk`: no limits, and the queue is saved when the
 * broker is stopped in order.
 */
export type Limits = 'all limits off' | 'queue widened' | 'kept on disk';

const settings: Readonly<Record<Limits, { readonly broker: string; readonly bridge: string }>> = {
  'all limits off': { broker: 'max_queued_messages 0\nmax_inflight_messages 0\n', bridge: 'restart_timeout 1\n' },
  'queue widened': { broker: 'max_queued_messages 1000000\n', bridge: '' },
  'kept on disk': {
    broker:
      'max_queued_messages 0\nmax_queued_bytes 0\nmax_inflight_messages 0\npersistence true\nautosave_interval 1800\n',
    bridge: 'restart_timeout 1\n',
  },
};

/** Two of Debian's mosquitto with a TLS bridge; nothing is dropped and nothing written to disk. */
export class MosquittoPair {
  readonly nearPort: number;
  readonly farPort: number;
  readonly tlsPort: number;
  readonly #directory: string;
  readonly #children = new Map<string, ChildProcess>();

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
    const kept = (name: string): string => {
      if (limits !== 'kept on disk') return '';
      mkdirSync(`${directory}/${name}`, { recursive: true });
      return `persistence_location ${directory}/${name}/\n`;
    };
    writeFileSync(`${directory}/near.conf`, `${common}${kept('near')}listener ${this.nearPort} 127.0.0.1\n${bridge}\n`);
    writeFileSync(`${directory}/far.conf`, `${common}${kept('far')}listener ${this.farPort} 127.0.0.1\n${tls}`);
  }

  static async create(directory: string, dialPort: number | null, limits: Limits): Promise<MosquittoPair> {
    return new MosquittoPair(directory, [await freePort(), await freePort(), await freePort()], dialPort, limits);
  }

  async start(): Promise<void> {
    for (const name of ['far', 'near'] as const) this.#spawn(name);
    await Promise.all([this.nearPort, this.farPort, this.tlsPort].map(reachable));
  }

  get nearPid(): number | undefined {
    return this.#children.get('near')?.pid;
  }

  /** Stops the near broker in order, as it saves its queue only then, and starts it again; ms until it listens. */
  async restartNear(): Promise<number> {
    await stopped(this.#children.get('near'));
    const startedAt = performance.now();
    this.#spawn('near');
    await reachable(this.nearPort);
    return performance.now() - startedAt;
  }

  cpuMs(): number {
    return [...this.#children.values()].reduce((sum, child) => sum + cpuMsOf(child.pid), 0);
  }

  async stop(): Promise<void> {
    for (const child of this.#children.values()) await stopped(child);
  }

  #spawn(name: 'near' | 'far'): void {
    this.#children.set(name, spawn('mosquitto', ['-c', `${this.#directory}/${name}.conf`], { stdio: 'ignore' }));
  }
}

async function stopped(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null) return;
  const closed = new Promise((resolve) => child.once('close', resolve));
  child.kill();
  await closed;
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
