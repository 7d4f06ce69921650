// A program: passes each request to one URL and its reply back, unread. What any gateway in Node costs at the least.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Pool } from 'undici';
import { announce, argument } from '../program.ts';
import { portOf, textOf } from './http.ts';
import { post } from './post.ts';

const { origin, pathname } = new URL(argument(0));
const pool = new Pool(origin, { connections: 100 });

const server = createServer((message, response) => {
  textOf(message)
    .then((body) => post(pool, pathname, body))
    .then(
      (reply) => response.writeHead(200, { 'content-type': 'application/json' }).end(reply),
      (error: unknown) => response.writeHead(502).end(String(error)),
    );
}).listen(0, '127.0.0.1');
await once(server, 'listening');
announce(portOf(server));
