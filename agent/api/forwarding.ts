import type { Log } from '#kernel';
import { AgentError, messageOf } from '#kernel';
import type { ReceivedMessage } from '#overlay';

/** Writes to a Unix socket and resolves with what it says back in time (#platform). Rejects when it cannot be reached. */
export type AskSocket = (path: string, payload: Uint8Array, limits: SocketLimits) => Promise<Uint8Array>;

export interface SocketLimits {
  readonly timeoutMs: number;
  readonly replyBytes: number;
}

/** As stock: 5 s. A reply is a message, and no longer than one may be. */
const socketLimits: SocketLimits = { timeoutMs: 5000, replyBytes: 16_777_216 };

/** Messages that sockets have at a time; beyond it they stay in the inbox. */
const limit = 16;

/** Messages of topics with a socket: the program behind it is asked, and what it says is the reply. */
export class Forwarding {
  readonly #ask: AskSocket;
  readonly #log: Log;
  #count = 0;

  constructor(ask: AskSocket, log: Log) {
    this.#ask = ask;
    this.#log = log;
  }

  /** The reply; null when there is none: the message is not taken then. */
  async forward({ payload }: ReceivedMessage, path: string): Promise<Uint8Array | null> {
    if (this.#count >= limit) return null;
    this.#count++;
    try {
      const reply = await this.#ask(path, payload, socketLimits);
      if (reply.length > 0) return reply;
      throw new AgentError('api/socket', 'retry', 'found no reply, wanted one');
    } catch (error) {
      this.#log.warn('forward-failed', { path, why: messageOf(error) });
      return null;
    } finally {
      this.#count--;
    }
  }
}
