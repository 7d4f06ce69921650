// A program: passes each request to one URL and the reply back, without parsing. It is the least that a gateway in Node can cost.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Pool } from 'undici';
import { announce, readArgument } from '../program.ts';
import { portOf, readText } from './http.ts';
import { post } from './post.ts';

const { origin, pathname } = new URL(readArgument(0));
const pool = new Pool(origin, { connections: 100 });

const server = createServer((message, response) => {
  readText(message)
    .then((body) => post(pool, pathname, body))
    .then(
      (reply) => response.writeHead(200, { 'content-type': 'application/json' }).end(reply),
      (error: unknown) => response.writeHead(502).end(String(error)),
    );
}).listen(0, '127.0.0.1');
await once(server, 'listening');
announce(portOf(server));
