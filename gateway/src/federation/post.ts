// One POST over a pool of connections, on the lowest interface of undici: its request() creates a stream for each reply, which
// costs more than the rest of the exchange.
import type { IncomingHttpHeaders } from 'node:http';
import type { HttpRequest } from '@holdfast/platform/http/server';
import type { Dispatcher, Pool } from 'undici';
import type { ByteGate } from './byte-gate.ts';

/** The subgraph has not answered in time. */
export class Late extends Error {}

/** The reply exceeds what its request may read. */
export class TooLarge extends Error {}

export interface Post {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Whether the connection ends after the reply. */
  readonly reset?: boolean;
}

export interface PostBounds {
  readonly waitMs: number;
  /** Whether so many bytes more may be kept for the request. */
  readonly fits: (bytes: number) => boolean;
  readonly gate: ByteGate;
  /** The caller. When the caller disconnects, the exchange ends, and with it the work of the subgraph. */
  readonly caller: Pick<HttpRequest, 'whenGone'> | undefined;
}

export interface PostReply {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly text: string;
}

/** How much undici buffers of an unread reply, bytes; a smaller reply is in memory anyway. */
const LARGE = 65_536;

/** Sends the request once. @throws {Late | TooLarge | CallerGone} and errors of undici */
export function post(pool: Pool, request: Post, bounds: PostBounds): Promise<PostReply> {
  return new Promise((resolve, reject) => {
    const exchange = new Exchange(bounds, resolve, reject);
    if (exchange.hasEnded) return;
    pool.dispatch({ ...request, method: 'POST' }, exchange);
  });
}

interface Gated {
  readonly abort: AbortController;
  leave: (() => void) | undefined;
}

/** Collects one reply. The first event that ends the exchange decides its result; later events are ignored. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #bounds: PostBounds;
  readonly #resolve: (reply: PostReply) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #size = 0;
  #status = 0;
  #contentType: string | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  /** The place in the gate of a large reply. */
  #gate: Gated | undefined;
  #failure: Error | undefined;
  readonly #forgetCaller: (() => void) | undefined;

  constructor(bounds: PostBounds, resolve: (reply: PostReply) => void, reject: (reason: unknown) => void) {
    this.#bounds = bounds;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(this.#late, bounds.waitMs);
    this.#forgetCaller = bounds.caller?.whenGone((reason) => this.#fail(reason));
  }

  readonly #late = (): void => this.#fail(new Late(`no reply within ${this.#bounds.waitMs} ms`));

  /** Whether the exchange has ended; the caller may disconnect before the request is sent. */
  get hasEnded(): boolean {
    return this.#failure !== undefined;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // The exchange may have ended while it waited for a connection.
    if (this.#failure) controller.abort(this.#failure);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    this.#status = status;
    this.#contentType = headers['content-type'];
    const size = Number(headers['content-length'] ?? LARGE);
    if (status >= 200 && size >= LARGE) this.#waitForGate(controller, size);
  }

  #waitForGate(controller: Dispatcher.DispatchController, size: number): void {
    controller.pause();
    const gate: Gated = { abort: new AbortController(), leave: undefined };
    this.#gate = gate;
    this.#bounds.gate.enter(size, gate.abort.signal).then(
      (leave) => {
        gate.leave = leave;
        if (this.#failure) leave();
        else controller.resume();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length;
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#failure) return;
    this.#end();
    if (!this.#bounds.fits(this.#size)) {
      this.#reject(new TooLarge('the replies to one request are too large together'));
      return;
    }
    const [first] = this.#chunks;
    const whole = this.#chunks.length === 1 && first ? first : Buffer.concat(this.#chunks);
    this.#resolve({ status: this.#status, contentType: this.#contentType, text: whole.toString('utf8') });
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  #fail(reason: unknown): void {
    if (this.#failure) return;
    this.#failure = reason instanceof Error ? reason : new Error('the exchange ended', { cause: reason });
    this.#end();
    this.#controller?.abort(this.#failure);
    this.#reject(reason);
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#forgetCaller?.();
    this.#gate?.abort.abort();
    this.#gate?.leave?.();
  }
}
