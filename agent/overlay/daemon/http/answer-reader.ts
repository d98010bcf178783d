import { AgentError, bufferOver } from '#kernel';

/** One answer, whole. */
export interface Answer {
  readonly status: number;
  readonly body: Uint8Array;
  /** The far side closes the link behind it. */
  readonly isLast: boolean;
}

const headLimitBytes = 16 * 1024;
const lineLimitBytes = 1024;

type State = 'idle' | 'head' | 'length' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailer' | 'to-end';

/**
 * Reads the answers on one link of HTTP/1.1 (RFC 9112 §4, §6, §7.1), one for each `begin`. States: idle → head → body
 * (by length, by chunks, or until the link ends) → idle. What it holds is bounded by the head's limit and by what
 * `begin` allows. Throws `daemon/answer` for what is no such answer and `daemon/too-large` for one beyond the limit;
 * after that the link is of no use.
 */
export class AnswerReader {
  #state: State = 'idle';
  #held: Buffer = Buffer.alloc(0);
  #pieces: Uint8Array[] = [];
  #bodyBytes = 0;
  #left = 0;
  #limitBytes = 0;
  #status = 0;
  #isLast = false;

  /** A request has been sent, whose answer's body may be so long. */
  begin(limitBytes: number): void {
    this.#state = 'head';
    this.#limitBytes = limitBytes;
  }

  /** The answer that these bytes complete, if they do. Nothing may follow it: one request is under way at a time. */
  feed(bytes: Uint8Array): Answer | null {
    if (this.#state === 'idle') throw bad('bytes that nobody asked for');
    this.#held = this.#held.length === 0 ? bufferOver(bytes) : Buffer.concat([this.#held, bytes]);
    for (;;) {
      const before: State = this.#state;
      const left = this.#held.length;
      if (this.#step()) return this.#finish();
      if (this.#state === before && this.#held.length === left) return null;
    }
  }

  /** The link has ended: completes an answer that has no length. */
  end(): Answer | null {
    return this.#state === 'to-end' ? this.#finish() : null;
  }

  /** True when the answer is whole. */
  #step(): boolean {
    switch (this.#state) {
      case 'head':
        return this.#head();
      case 'length':
      case 'to-end':
        return this.#take() && this.#state === 'length';
      case 'chunk-size':
        this.#chunkSize();
        return false;
      case 'chunk':
        if (this.#take()) this.#state = 'chunk-end';
        return false;
      case 'chunk-end':
        if (this.#line() !== null) this.#state = 'chunk-size';
        return false;
      case 'trailer':
        return this.#line() === '';
      default:
        return false;
    }
  }

  #head(): boolean {
    const end = this.#held.indexOf('\r\n\r\n');
    if (end < 0 ? this.#held.length > headLimitBytes : end > headLimitBytes) throw bad('a head over 16 KiB');
    if (end < 0) return false;
    const lines = this.#held.toString('latin1', 0, end).split('\r\n');
    this.#held = this.#held.subarray(end + 4);
    const [, minor, status] = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(lines[0] ?? '') ?? [];
    if (status === undefined) throw bad('no status line of HTTP/1.1');
    this.#status = Number(status);
    if (this.#status < 200) return false;
    const headers = headersOf(lines.slice(1));
    this.#isLast = minor === '0' || /\bclose\b/i.test(headers.get('connection') ?? '');
    return this.#bodyFollows(headers);
  }

  #bodyFollows(headers: ReadonlyMap<string, string>): boolean {
    if (this.#status === 204 || this.#status === 304) return true;
    const coding = headers.get('transfer-encoding');
    const length = headers.get('content-length');
    if (coding !== undefined) {
      if (coding.toLowerCase() !== 'chunked') throw bad('a transfer coding other than chunked');
      this.#state = 'chunk-size';
    } else if (length === undefined) {
      this.#isLast = true;
      this.#left = Number.POSITIVE_INFINITY;
      this.#state = 'to-end';
    } else {
      if (!/^\d{1,15}$/.test(length)) throw bad('a length that is no number');
      this.#expect(Number(length));
      this.#state = 'length';
      return this.#left === 0;
    }
    return false;
  }

  #chunkSize(): void {
    const line = this.#line();
    if (line === null) return;
    const digits = /^([0-9a-f]{1,8})(?:[;\s]|$)/i.exec(line)?.[1];
    if (digits === undefined) throw bad('a chunk without a size');
    this.#expect(Number.parseInt(digits, 16));
    this.#state = this.#left === 0 ? 'trailer' : 'chunk';
  }

  #expect(bytes: number): void {
    this.#left = bytes;
    if (this.#bodyBytes + bytes > this.#limitBytes) throw tooLarge(this.#limitBytes);
  }

  /** Takes of the body what is there. True when nothing is missing. */
  #take(): boolean {
    const taken = this.#held.subarray(0, Math.min(this.#left, this.#held.length));
    if (this.#bodyBytes + taken.length > this.#limitBytes) throw tooLarge(this.#limitBytes);
    if (taken.length > 0) this.#pieces.push(taken);
    this.#bodyBytes += taken.length;
    this.#left -= taken.length;
    this.#held = this.#held.subarray(taken.length);
    return this.#left === 0;
  }

  /** Null: not all of it is there. */
  #line(): string | null {
    const end = this.#held.indexOf('\r\n');
    if (end < 0 ? this.#held.length > lineLimitBytes : end > lineLimitBytes) throw bad('a line over 1 KiB');
    if (end < 0) return null;
    const line = this.#held.toString('latin1', 0, end);
    this.#held = this.#held.subarray(end + 2);
    return line;
  }

  #finish(): Answer {
    if (this.#held.length > 0) throw bad('bytes behind the answer');
    const body = this.#pieces.length === 1 ? (this.#pieces[0] ?? this.#held) : Buffer.concat(this.#pieces);
    this.#state = 'idle';
    this.#pieces = [];
    this.#bodyBytes = 0;
    return { status: this.#status, body, isLast: this.#isLast };
  }
}

function headersOf(lines: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1) throw bad('a header without a colon');
    headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
  }
  return headers;
}

const bad = (found: string): AgentError =>
  new AgentError('daemon/answer', 'retry', `daemon: found ${found}, wanted an answer of HTTP/1.1`);

const tooLarge = (limit: number): AgentError =>
  new AgentError('daemon/too-large', 'reject', `daemon: found an answer over ${limit} bytes, wanted a shorter one`);
