import {
  AgentError,
  after,
  type ByteLink,
  type Clock,
  type Duration,
  type Endpoint,
  isAgentError,
  messageOf,
  type Net,
  type Timer,
} from '#kernel';
import { type Answer, AnswerReader } from './answer-reader.ts';

export interface Request {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With its leading slash, escaped. */
  readonly path: string;
  /** JSON text; null: none. */
  readonly body: string | null;
  /** The longest answer. */
  readonly limitBytes: number;
}

interface Asked {
  readonly timer: Timer;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** One kept-alive link of HTTP/1.1: one request at a time. States: free → busy → free, and closed for ever. */
export class HttpLink {
  readonly #clock: Clock;
  readonly #to: Endpoint;
  readonly #link: ByteLink;
  readonly #reader = new AnswerReader();
  readonly #ended: () => void;
  #asked: Asked | null = null;
  #isClosed = false;

  /** `ended`: called once, when it is of no more use. */
  constructor(net: Net, clock: Clock, to: Endpoint, ended: () => void) {
    this.#clock = clock;
    this.#to = to;
    this.#ended = ended;
    this.#link = net.dial(to, {
      opened: () => undefined,
      drained: () => undefined,
      received: (bytes) => this.#received(bytes),
      closed: (cause) => this.#closed(cause),
    });
  }

  get isFree(): boolean {
    return this.#asked === null && !this.#isClosed;
  }

  /** Rejects with `daemon/unreachable`, `daemon/silent`, `daemon/answer` or `daemon/too-large`. */
  ask(request: Request, patience: Duration): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const silent = (): void => this.#fail(silentError(this.#to, patience));
      const timer = this.#clock.at(after(this.#clock.now(), patience), silent);
      this.#asked = { timer, resolve, reject };
      this.#reader.begin(request.limitBytes);
      this.#link.write(bytesOf(request, this.#to));
    });
  }

  close(): void {
    this.#fail(new AgentError('daemon/unreachable', 'retry', 'daemon: the link was closed here'));
  }

  #received(bytes: Uint8Array): void {
    if (this.#isClosed) return;
    try {
      const answer = this.#reader.feed(bytes);
      if (answer !== null) this.#answered(answer);
    } catch (error) {
      this.#fail(error);
    }
  }

  #answered(answer: Answer): void {
    const asked = this.#asked;
    this.#asked = null;
    asked?.timer.cancel();
    if (answer.isLast) this.#end();
    asked?.resolve(answer);
  }

  #closed(cause: Error | null): void {
    const answer = this.#isClosed ? null : this.#reader.end();
    if (answer !== null) this.#answered(answer);
    this.#fail(unreachable(this.#to, cause));
  }

  #fail(error: unknown): void {
    const asked = this.#asked;
    this.#asked = null;
    asked?.timer.cancel();
    this.#end();
    asked?.reject(isAgentError(error) ? error : unreachable(this.#to, error));
  }

  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#link.destroy();
    this.#ended();
  }
}

function bytesOf({ method, path, body }: Request, { host, port }: Endpoint): Uint8Array {
  const name = host.includes(':') ? `[${host}]` : host;
  const head = `${method} ${path} HTTP/1.1\r\nhost: ${name}:${port}\r\n`;
  if (body === null) return Buffer.from(`${head}\r\n`);
  const length = Buffer.byteLength(body);
  return Buffer.from(`${head}content-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`);
}

/** The network's own words begin with the address. */
function unreachable({ host, port }: Endpoint, cause: unknown): AgentError {
  const why = cause === null ? `${host}:${port}: the link was closed` : messageOf(cause);
  return new AgentError('daemon/unreachable', 'retry', `daemon at ${why}`, cause);
}

const silentError = ({ host, port }: Endpoint, patience: Duration): AgentError =>
  new AgentError(
    'daemon/silent',
    'retry',
    `daemon at ${host}:${port}: no answer in ${patience / 1000} s, wanted one (another program's long poll stops stock's API)`,
  );
