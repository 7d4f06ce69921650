// What the suites of services.test.ts share: one system whose gateway reaches two services by proxies and whose services reach Redis
// by an address that can move.
import { findFreePorts } from '@holdfast/local/stack/stack';
import { type CuttingProxy, startCuttingProxy } from '../support/cutting-proxy.ts';
import { type MovingAddress, startMovingAddress } from '../support/moving-address.ts';
import { type RedisServer, startRedis } from '../support/redis.ts';
import type { Shop } from '../support/shop.ts';
import type { System, SystemOptions } from '../support/system.ts';
import { whileTestsRun } from '../support/use-system.ts';

/** The password of Redis. */
export const PASSWORD = 'of-the-test';
/** How long an entry of the cache lives. */
export const TTL_S = 1;
/** The allowed calls of an account in an hour. */
export const MAX_CALLS = 3_000;

/** What stands between the processes. */
export interface Links {
  readonly options: SystemOptions;
  /** The gateway reaches these services by the proxies. */
  readonly products: CuttingProxy;
  readonly users: CuttingProxy;
  /** The Redis of the services at the start. */
  readonly primary: RedisServer;
  /** The address by which they reach it, like a Service of Kubernetes. */
  readonly service: MovingAddress;
}

export interface FaultSuite extends Shop<System> {
  readonly links: Links;
}

export const useLinks = (): Links => whileTestsRun(startLinks, stopLinks);

async function startLinks(): Promise<Links> {
  const ports = await findFreePorts();
  const products = await startCuttingProxy(ports.products.http);
  const users = await startCuttingProxy(ports.users.http);
  const primary = await startRedis({ password: PASSWORD });
  const service = await startMovingAddress(primary.url);
  const env = {
    // One connection for writes and two for reads, so that a test can occupy all of them.
    DATABASE_POOL_MAX: '3',
    // These timeouts are longer than a test waits, so that they do not end the statements.
    READ_TIMEOUT_MS: '9500',
    SUBGRAPH_TIMEOUT_MS: '12000',
    // A job of a killed process is given out again soon.
    QUEUE_LEASE_MS: '1500',
    REDIS_URL: service.url,
    REDIS_TIMEOUT_MS: '1000',
    CACHE_TTL_S: String(TTL_S),
    RATE_LIMITS: `user=${MAX_CALLS}/1h,register=1000/1m,login=1000/1m`,
  };
  const gateway = { PRODUCTS_URL: `${products.url}/graphql`, USERS_URL: `${users.url}/graphql` };
  return { options: { ports, env, environment: { gateway } }, products, users, primary, service };
}

async function stopLinks({ products, users, primary, service }: Links): Promise<void> {
  await Promise.all([products.stop(), users.stop(), service.close()]);
  await primary.stop();
}
