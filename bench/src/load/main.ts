// A program: sends the requests of a case over 50 keep-alive connections. Each connection sends the next request when the one before
// was answered. The program stops at the first reply that is not 200 or contains an error.
import { Client, type Dispatcher } from 'undici';
import type { BenchRequest } from '../requests.ts';
import type { Burst, BurstResult, LoadMessage, Target } from './messages.ts';

const CONNECTIONS = 50;
const ERRORS = Buffer.from('{"errors"');

interface Aim extends Target {
  readonly clients: readonly Client[];
  readonly headers: Readonly<Record<string, string>>;
  /** The index of the next request. */
  next: number;
}

/** The error of one request; undefined when its reply was good. */
type Outcome = string | undefined;

function findReplyError(status: number, start: Buffer | undefined): Outcome {
  if (status !== 200) return `status ${status}: ${start?.toString().slice(0, 300)}`;
  if (start === undefined) return 'an empty reply';
  return start.subarray(0, ERRORS.length).equals(ERRORS) ? start.toString().slice(0, 300) : undefined;
}

function send(
  client: Client,
  { method, path, body }: BenchRequest,
  headers: Aim['headers'],
  done: (outcome: Outcome) => void,
) {
  let status = 0;
  let start: Buffer | undefined;
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart: () => undefined,
    onResponseStart: (_, statusCode) => {
      status = statusCode;
    },
    onResponseData: (_, chunk) => {
      start ??= chunk;
    },
    onResponseEnd: () => done(findReplyError(status, start)),
    onResponseError: (_, error) => done(error.message),
  };
  client.dispatch({ method, path, headers, body: body ?? null }, handler);
}

function fire(aim: Aim, { requests, maxMs }: Burst): Promise<BurstResult> {
  const startedAt = performance.now();
  const until = startedAt + maxMs;
  let sent = 0;
  let answered = 0;
  let error: Outcome;
  return new Promise((resolve) => {
    let busy = aim.clients.length;
    const rest = () => {
      busy -= 1;
      if (busy > 0) return;
      resolve({ answered, ms: performance.now() - startedAt, ...(error !== undefined && { error }) });
    };
    const go = (client: Client) => {
      const request = aim.requests[aim.next % aim.requests.length];
      if (request === undefined || error !== undefined || sent >= requests || performance.now() > until)
        return rest();
      sent += 1;
      aim.next += 1;
      send(client, request, aim.headers, (outcome) => {
        answered += 1;
        error ??= outcome;
        go(client);
      });
    };
    for (const client of aim.clients) go(client);
  });
}

const makeHeaders = ({ token }: Target) => ({
  authorization: `Bearer ${token}`,
  accept: 'application/json',
  'content-type': 'application/json',
});

let aim: Aim | undefined;

// This is synchronous, because the message to fire may follow at once.
function takeAim(target: Target): void {
  // All old clients are idle.
  for (const client of aim?.clients ?? []) void client.destroy();
  const clients = Array.from({ length: CONNECTIONS }, () => new Client(target.url));
  aim = { ...target, clients, headers: makeHeaders(target), next: 0 };
}

process.on('disconnect', () => process.exit());
// Node fills the compile cache only when a program ends by itself.
process.on('SIGTERM', () => process.exit());
process.on('message', (message: LoadMessage) => {
  if (message.kind === 'aim') takeAim(message);
  else if (aim !== undefined) void fire(aim, message).then((result) => process.send?.(result));
});
