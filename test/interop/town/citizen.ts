import type { PublicKey } from '#kernel';
import type { Inbox } from './inbox.ts';

export type Kind = 'ours' | 'stock';

/** A node in a network namespace of its own, of either kind. */
export interface Citizen {
  readonly kind: Kind;
  readonly publicKey: PublicKey;
  /** Its network namespace. */
  readonly where: string;
  readonly pid: number;
  readonly inbox: Inbox;
  start(): Promise<void>;
  /** Handed over to it; it goes on trying by itself. */
  send(to: Citizen, text: string): Promise<void>;
  /** True once its sender knows that the message has arrived. */
  isAcknowledged(text: string): Promise<boolean>;
  /** The address of the neighbour on the way to that node; undefined: no route is selected. */
  nextHop(to: Citizen): Promise<string | undefined>;
  /** SIGKILL. `start` brings it back with the same key and another router id. */
  kill(): Promise<void>;
  /** Kills it and tidies up. */
  remove(): Promise<void>;
}

/** Stops a process without ending it, as a machine that hangs. */
export const freeze = ({ pid }: Citizen): boolean => process.kill(pid, 'SIGSTOP');

export async function restart(citizen: Citizen): Promise<void> {
  await citizen.kill();
  await citizen.start();
}
