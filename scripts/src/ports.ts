// TCP ports of this machine.

import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { errorCode } from './error-code.js';

/** Below the ports that systems give to outgoing connections (32768 and up on Linux), any of which could take a
 *  port away while the server that owns it is down for a restart. */
const LOWEST = 10_240;
const HIGHEST = 32_767;

/** A port that was free on 127.0.0.1 a moment ago, chosen at random so that processes that ask at once differ. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (!(await isPortInUse(port, '127.0.0.1'))) return port;
  }
}

/** Whether somebody listens on `port` of `host`. */
export async function isPortInUse(port: number, host: string): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return false;
  } catch (error) {
    if (errorCode(error) === 'EADDRINUSE') return true;
    throw error;
  } finally {
    server.close();
  }
}
