import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addressOf, formatSubnet, identityOf, subnetOf } from '#crypto';
import type { PublicKey } from '#kernel';
import { Stock, waitMs } from '../stock.ts';
import type { Citizen } from './citizen.ts';
import { Inbox } from './inbox.ts';

const program = new URL('./door-process.ts', import.meta.url).pathname;
const [apiPort, rpcPort] = [8989, 8990];

/** A stock daemon, or an agent with the same API, in a network namespace; its messages are popped as they come. */
export class StockCitizen implements Citizen {
  readonly kind = 'stock';
  readonly publicKey: PublicKey;
  readonly where: string;
  readonly inbox = new Inbox();
  readonly #stock: Stock;
  readonly #doorPath: string;
  readonly #ids = new Map<string, string>();
  #door: ChildProcess | null = null;
  #isUp = false;

  /** `command`: instead of the daemon, another program with the same API and the same key. */
  constructor(
    where: string,
    port: number,
    peers: readonly string[],
    secretKey: Uint8Array = randomBytes(32),
    command?: readonly string[],
  ) {
    // A daemon does not outlive a test that is killed.
    const wrapper = ['ip', 'netns', 'exec', where, 'setpriv', '--pdeathsig', 'KILL'];
    this.where = where;
    this.publicKey = identityOf(secretKey).publicKey;
    this.#doorPath = join(tmpdir(), `${where}.sock`);
    this.#stock = new Stock([port, apiPort, rpcPort], peers, secretKey, { wrapper, door: this.#doorPath, command });
  }

  get pid(): number {
    return this.#stock.pid;
  }

  async start(): Promise<void> {
    this.#door ??= await this.#openDoor();
    await this.#stock.run();
    this.#isUp = true;
    void this.#popAll(this.pid);
  }

  async send(to: Citizen, text: string): Promise<void> {
    this.#ids.set(text, await this.#stock.push(to.publicKey, Buffer.from(text)));
  }

  async isAcknowledged(text: string): Promise<boolean> {
    const state = await this.#stock.state(this.#ids.get(text) ?? '');
    return state === 'received' || state === 'read';
  }

  async nextHop(to: Citizen): Promise<string | undefined> {
    const subnet = `${formatSubnet(subnetOf(addressOf(to.publicKey)))}`;
    return (await this.#stock.routes()).find((route) => route.subnet === subnet)?.nextHop;
  }

  async kill(): Promise<void> {
    this.#isUp = false;
    await this.#stock.kill();
  }

  async remove(): Promise<void> {
    this.#isUp = false;
    await this.#stock.stop();
    this.#door?.kill('SIGKILL');
    rmSync(this.#doorPath, { force: true });
  }

  async #openDoor(): Promise<ChildProcess> {
    const args = [
      'netns',
      'exec',
      this.where,
      'setpriv',
      '--pdeathsig',
      'KILL',
      process.execPath,
      program,
      this.#doorPath,
      `${apiPort}`,
    ];
    const door = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(door.stdout, 'data');
    return door;
  }

  /** As long as this process of it lives. Without waiting inside the daemon, whose whole API would wait with it. */
  async #popAll(pid: number): Promise<void> {
    while (this.#isUp && this.pid === pid) {
      const message = await this.#stock.pop(0).catch(() => null);
      if (message === null) await waitMs(20);
      else this.inbox.put(message.srcPk as unknown as PublicKey, Buffer.from(message.payload, 'base64').toString());
    }
  }
}
