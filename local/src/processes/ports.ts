// Finds TCP ports of this machine that a server can use.

import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { errorCode } from '../error-code.js';
import { readIfPresent } from '../files.ts';

/** Below the ports of outgoing connections (from 32768 on Linux), which could take a port while its server restarts. */
const LOWEST = 10_240;
const HIGHEST = 32_767;

/** The ports that browsers and Node's fetch refuse to call: https://fetch.spec.whatwg.org/#port-blocking, "bad ports". */
export const BLOCKED_PORTS: ReadonlySet<number> = new Set([
  0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
  109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515,
  526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049,
  3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);

/** Why a service cannot use a port. */
export type PortError = 'in use' | 'blocked' | 'reserved';

/**
 * A port that is free on 127.0.0.1 and not in `taken`. No other call of this function finds the same port as long as this process
 * runs, even before a server listens on it.
 */
export async function findFreePort(taken: ReadonlySet<number> = new Set()): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    if (!taken.has(port) && (await findPortError(port, '127.0.0.1')) === undefined && (await claim(port)))
      return port;
  }
}

/**
 * The port in `file`, if it is free, so that clients of the server find it after a restart. Otherwise a free port, which is
 * written to the file; then `log` gets a warning.
 */
export async function claimSamePort(
  file: string,
  taken: ReadonlySet<number> = new Set(),
  log: (line: string) => void = () => undefined,
): Promise<number> {
  const kept = Number(await readIfPresent(file));
  const isPort = Number.isInteger(kept) && kept > 0 && kept <= 65_535;
  const isFree = isPort && !taken.has(kept) && (await findPortError(kept, '127.0.0.1')) === undefined;
  // This process claimed the port when it started the server before.
  if (isFree && (claimed.has(kept) || (await claim(kept)))) return kept;
  const port = await findFreePort(taken);
  if (isPort)
    log(`WARNING:  port ${kept} of the last start is taken; PostgreSQL listens on ${port} from now on`);
  await writeFile(file, `${port}\n`);
  return port;
}

/** The ports that this process has claimed. */
const claimed = new Set<number>();

/** Claims a port for this process: it binds the UDP port of the same number, which no other program here uses. */
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

/** Why a server on `port` of `host` could not listen or be called; undefined when it could. */
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
    // The system reserves the lowest ports for root.
    if (code === 'EACCES') return 'reserved';
    throw error;
  } finally {
    server.close();
  }
}
