// A program: the three subgraphs and the key set of the access tokens, on one port. It remembers each reply by the text of its request,
// so that the stubs take hardly any CPU time from the measured gateway.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { REVOCATIONS_PATH } from '@holdfast/platform/auth/revocations';
import { announce, readArgument } from '../program.ts';
import { SUBGRAPHS } from './schemas.ts';
import { createSubgraph, type Subgraph } from './subgraphs.ts';

/** More than the requests of any case except `memory`, whose replies need not be remembered. */
const REMEMBERED = 20_000;
const KEY_SET_PATH = '/jwks';
const NO_REVOCATIONS = Buffer.from('[]');

const keySet = Buffer.from(readArgument(0));
const subgraphs = new Map<string, Subgraph>(
  await Promise.all(SUBGRAPHS.map(async (name) => [`/${name}/graphql`, await createSubgraph(name)] as const)),
);
const known = new Map<string, Buffer>();

async function makeReply(path: string, body: string): Promise<Buffer | undefined> {
  if (path === KEY_SET_PATH) return keySet;
  if (path === REVOCATIONS_PATH) return NO_REVOCATIONS;
  const subgraph = subgraphs.get(path);
  if (subgraph === undefined) return undefined;
  const reply = Buffer.from(await subgraph(body));
  if (known.size >= REMEMBERED) known.clear();
  known.set(path + body, reply);
  return reply;
}

function send(response: ServerResponse, reply: Buffer): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': reply.length });
  response.end(reply);
}

function answer(message: IncomingMessage, response: ServerResponse): void {
  const path = message.url ?? '';
  let body = '';
  message.setEncoding('latin1');
  message.on('data', (chunk: string) => {
    body += chunk;
  });
  message.on('end', () => {
    const reply = known.get(path + body);
    if (reply !== undefined) return send(response, reply);
    makeReply(path, body).then(
      (made) => (made === undefined ? response.writeHead(404).end() : send(response, made)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
}

// Longer than any pause between two rounds, so that no gateway uses a connection while it is being closed.
const server = createServer({ keepAliveTimeout: 300_000 }, answer).listen(0, '127.0.0.1');
await once(server, 'listening');
announce((server.address() as AddressInfo).port);
