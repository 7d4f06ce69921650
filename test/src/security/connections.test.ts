// The share of the gateway's connections that one address may hold.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeAll, expect, it } from '@jest/globals';
import { eventually } from '../support/client.ts';
import { scrape } from '../support/metrics.ts';
import { head } from '../support/raw-http.ts';
import type { AnotherInstance } from '../support/system.ts';
import { useSystem } from '../support/use-system.ts';

const SHARE = 20;
const ASKED = head('GET', '/.well-known/jwks.json');

const system = useSystem();
let sharing: AnotherInstance;
let proxied: AnotherInstance;
let sockets: Socket[] = [];

beforeAll(async () => {
  sharing = await system.another('gateway', { MAX_CONNECTIONS_PER_ADDRESS: String(SHARE) });
  proxied = await system.another('gateway', { TRUSTED_PROXIES: '1' });
}, 60_000);
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
});

/** Opens a connection, which stays open, and says whether a request on it is answered. */
async function isAnswered(url: string, localAddress: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), localAddress });
  sockets.push(socket);
  const answer = new Promise<boolean>((resolve) => {
    socket.on('data', () => resolve(true));
    socket.on('error', () => resolve(false)).on('close', () => resolve(false));
  });
  socket.write(ASKED);
  return answer;
}

const times = async (count: number, url: string, localAddress: string): Promise<number> => {
  let answered = 0;
  for (let index = 0; index < count; index += 1) answered += (await isAnswered(url, localAddress)) ? 1 : 0;
  return answered;
};

it('is as many as the setting says; others are served meanwhile, and the address again when it has let go', async () => {
  // Silent connections count as well as those that ask.
  for (let index = 0; index < SHARE / 2; index += 1) {
    const silent = connect({
      host: '127.0.0.1',
      port: Number(new URL(sharing.url).port),
      localAddress: '127.0.0.3',
    });
    silent.on('error', () => undefined);
    sockets.push(silent);
    await once(silent, 'connect');
  }
  expect(await times(SHARE, sharing.url, '127.0.0.3')).toBe(SHARE / 2);
  expect(await times(SHARE, sharing.url, '127.0.0.4')).toBe(SHARE);
  expect(await isAnswered(sharing.url, '127.0.0.3')).toBe(false);
  const refused = (await scrape(sharing.opsUrl('/metrics'))).get('http_refused_connections_total');
  expect(refused).toBe(SHARE / 2 + 1);
  for (const socket of sockets) socket.destroy();
  await eventually(
    () => isAnswered(sharing.url, '127.0.0.3'),
    (answered) => answered,
  );
}, 30_000);

it('is 1,000 of 10,000 when nothing is set, and without a bound behind proxies, whose connections are all', async () => {
  const behindProxy = await times(1_050, proxied.url, '127.0.0.5');
  expect(behindProxy).toBe(1_050);
  expect(await times(1_050, system.url, '127.0.0.5')).toBe(1_000);
  expect(await isAnswered(system.url, '127.0.0.6')).toBe(true);
}, 60_000);
