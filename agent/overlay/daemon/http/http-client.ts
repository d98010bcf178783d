import { AgentError, BoundedQueue, type Clock, type Duration, type Endpoint, type Net } from '#kernel';
import type { Answer } from './answer-reader.ts';
import { HttpLink, type Request } from './http-link.ts';

/** Stock answers one request at a time: more links would only wait there. */
const linkLimit = 4;
const queueLimit = 256;

interface Waiting {
  readonly request: Request;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Asks one HTTP server over a few kept-alive links, first come first served. */
export class HttpClient {
  readonly #net: Net;
  readonly #clock: Clock;
  readonly #to: Endpoint;
  readonly #patience: Duration;
  readonly #links = new Set<HttpLink>();
  readonly #waiting = new BoundedQueue<Waiting>(queueLimit);
  #isClosed = false;
  requests = 0;

  constructor(net: Net, clock: Clock, to: Endpoint, patience: Duration) {
    this.#net = net;
    this.#clock = clock;
    this.#to = to;
    this.#patience = patience;
  }

  /** Rejects as `HttpLink.ask` does, and with `daemon/busy` when too many wait already. */
  ask(request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed || !this.#waiting.push({ request, resolve, reject })) reject(busy());
      else this.#next();
    });
  }

  /** Ends every link; what waits is refused. */
  close(): void {
    this.#isClosed = true;
    this.drop();
  }

  /** Ends every link and refuses what waits; the next request dials anew. */
  drop(): void {
    for (let waiting = this.#waiting.shift(); waiting !== undefined; waiting = this.#waiting.shift()) {
      waiting.reject(busy());
    }
    for (const link of [...this.#links]) link.close();
  }

  #next(): void {
    while (this.#waiting.count > 0) {
      const link = this.#freeLink();
      if (link === null) return;
      const waiting = this.#waiting.shift();
      if (waiting === undefined) return;
      this.requests++;
      void link
        .ask(waiting.request, this.#patience)
        .then(waiting.resolve, waiting.reject)
        .finally(() => this.#next());
    }
  }

  #freeLink(): HttpLink | null {
    for (const link of this.#links) if (link.isFree) return link;
    if (this.#links.size >= linkLimit || this.#isClosed) return null;
    const link: HttpLink = new HttpLink(this.#net, this.#clock, this.#to, () => this.#links.delete(link));
    this.#links.add(link);
    return link;
  }
}

const busy = (): AgentError => new AgentError('daemon/busy', 'retry', 'daemon: too many requests wait already');
