// TCP ports of this machine.

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { errorCode } from '../error-code.js';
import { readIfPresent } from '../files.ts';

/** Below the ports that systems give to outgoing connections (32768 and up on Linux), any of which could take a
 *  port away while the server that owns it is down for a restart. */
const LOWEST = 10_240;
const HIGHEST = 32_767;

/** The ports that browsers and Node's fetch refuse to call: https://fetch.spec.whatwg.org/#port-blocking, "bad ports". */
export const BLOCKED_PORTS: ReadonlySet<number> = new Set([
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
  109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
  526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
  3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);

/** Why a service cannot have a port. */
export type PortError = 'in use' | 'blocked' | 'reserved';

/**
 * A port that is free on 127.0.0.1, none of `taken`. No other process is given it as long as this one runs, although a server
 * takes it a while later.
 */
export async function findFreePort(taken: ReadonlySet<number> = new Set()): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (!taken.has(port) && (await findPortError(port, '127.0.0.1')) === undefined && (await claim(port)))
      return port;
  }
}

/**
 * The port that `file` names, if it can be had, so that what connects to it finds it after a restart; else a free one, which the
 * file names from then on. `log` is told when another one takes its place.
 */
export async function claimSamePort(
  file: string,
  taken: ReadonlySet<number> = new Set(),
  log: (line: string) => void = () => undefined,
): Promise<number> {
  const kept = Number(await readIfPresent(file));
  const isPort = Number.isInteger(kept) && kept > 0 && kept <= 65_535;
  const isFree = isPort && !taken.has(kept) && (await findPortError(kept, '127.0.0.1')) === undefined;
  // A server that this process stops and starts again has it still.
  if (isFree && (claimed.has(kept) || (await claim(kept)))) return kept;
  const port = await findFreePort(taken);
  if (isPort)
    log(`WARNING:  port ${kept} of the last start is taken; PostgreSQL listens on ${port} from now on`);
  await writeFile(file, `${port}\n`);
  return port;
}

/** The numbers that this process has claimed. */
const claimed = new Set<number>();

/** Claims the number for this process, by the UDP port of that number, for which nothing else here has a use. */
async function claim(port: number): Promise<boolean> {
  const socket = createSocket('udp4').unref();
  try {
    await once(socket.bind({ port, address: '127.0.0.1', exclusive: true }), 'listening');
    claimed.add(port);
    return true;
  } catch {
    return false;
  }
}

/** Why a server cannot listen on `port` of `host` and be called there; undefined when it can. */
export async function findPortError(port: number, host: string): Promise<PortError | undefined> {
  if (BLOCKED_PORTS.has(port)) return 'blocked';
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return undefined;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EADDRINUSE') return 'in use';
    // The system keeps the lowest ports for root.
    if (code === 'EACCES') return 'reserved';
    throw error;
  } finally {
    server.close();
  }
}
