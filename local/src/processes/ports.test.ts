// Ports for a local stack: not in use, and not blocked by browsers and fetch.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { allPorts, portsFrom } from '../settings/services.ts';
import { checkPorts } from '../stack/port-check.ts';
import { BLOCKED_PORTS, findFreePort } from './ports.ts';

/** Prints which of the ports up to 7,000, and 10,080, this Node's fetch refuses to call; it connects to none. */
const LIST_BLOCKED = `
const dispatcher = { dispatch() { throw new Error('not blocked'); } };
const isBlocked = (port) =>
  fetch('http://127.0.0.1:' + port, { dispatcher }).catch((error) => error.cause?.message === 'bad port');
const ports = [...Array.from({ length: 7_000 }, (_, index) => index + 1), 10_080];
const blocked = await Promise.all(ports.map(isBlocked));
console.log(JSON.stringify(ports.filter((_, index) => blocked[index])));
`;

test('the list has every port that fetch refuses to call', async () => {
  const args = ['--input-type=module', '--eval', LIST_BLOCKED];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const refused: number[] = JSON.parse(stdout);
  expect(refused).toContain(6000);
  expect(refused.filter((port) => !BLOCKED_PORTS.has(port))).toEqual([]);
}, 60_000);

test('a taken port is never found as a free one', async () => {
  const all = Array.from({ length: 22_528 }, (_, index) => 10_240 + index);
  const left = new Set(all.slice(0, 50));
  const taken = new Set(all.filter((port) => !left.has(port)));
  expect(left.has(await findFreePort(taken))).toBe(true);
  expect([...allPorts(portsFrom(4000))].sort()).toEqual([4000, 4001, 4002, 4003, 4100, 4101, 4102, 4103]);
});

describe('checkPorts', () => {
  test.each([
    [5900, "port 6000 (gateway's ops port, PORT + 100) is blocked"],
    [6664, 'ports 6665 (users, PORT + 1), 6666 (products, PORT + 2), 6667 (orders, PORT + 3) are blocked'],
    [10_080, 'port 10080 (gateway, PORT) is blocked'],
    [9977, "port 10080 (orders's ops port, PORT + 103) is blocked"],
  ])('refuses PORT=%i with the reason', async (port, message) => {
    await expect(checkPorts(portsFrom(port))).rejects.toThrow(message);
  });

  test('names a port that is in use', async () => {
    const port = await findFreePort();
    const server = createServer().listen(port, '127.0.0.1');
    await once(server, 'listening');
    try {
      await expect(checkPorts(portsFrom(port - 101))).rejects.toThrow(
        `port ${port} (users's ops port, PORT + 101) is in use; set PORT to use other ports`,
      );
    } finally {
      server.close();
    }
  });
});
