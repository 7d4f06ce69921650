// The system of load.test.ts. It has little memory, short leases of jobs, and short times of keys, tokens and cached rows.
import type { Account } from '../support/client.ts';
import { createForge } from '../support/forgeries.ts';
import { startRedis } from '../support/redis.ts';
import { useClient } from '../support/shop.ts';
import { useSystem, whileTestsRun } from '../support/use-system.ts';

/** A process with a memory leak ends with a heap this small, and the other processes collect garbage often. */
const smallHeap = (megabytes: number) => `--max-old-space-size=${megabytes} --max-semi-space-size=4`;
/** The limits are on, but few calls reach one: a refused caller leaves no state behind. */
const RATE_LIMITS =
  'login=20/1s,register=100/1s,refreshSession=100/1s,createOrder=100000/1s,invalid=100000/1s,user=100000/1s,address=100000/1s';
/** The connections that one address may hold. */
export const SHARE = 100;
export const MAX_UNREAD_BYTES = 16_000_000;
/** Times so short that a rotation takes 6 + 6 + 6 s: the lead, the life of a token, and the allowed difference of clocks. */
export const KEY_TIMES = { KEY_LEAD_S: '6', ACCESS_TOKEN_TTL_S: '6' };

/** Longer than a write that waits a second for Redis before its commit, and a second after it. */
export const CACHE_TTL_S = 3;
/** The least that the setting may be, because a test waits until a fence ends. */
export const CACHE_FENCE_S = 10;

/** The Redis of the cache. */
export const redis = whileTestsRun(startRedis, (server) => server.stop());

export const system = useSystem(() => ({
  // Commits hang in the tests of the cache.
  ownPostgres: true,
  env: {
    NODE_OPTIONS: smallHeap(96),
    RATE_LIMITS,
    QUEUE_LEASE_MS: '1500',
    ...KEY_TIMES,
    KEYS_POLL_MS: '500',
  },
  environment: {
    gateway: {
      NODE_OPTIONS: smallHeap(128),
      MAX_CONNECTIONS_PER_ADDRESS: String(SHARE),
      MAX_UNREAD_BYTES: String(MAX_UNREAD_BYTES),
      SUBGRAPH_TIMEOUT_MS: '15000',
    },
    products: {
      MAX_UNITS_PER_ORDER: '6000',
      MAX_OPEN_UNITS: '12500',
      CACHE_REDIS_URL: redis.url,
      // Both are long. On a busy machine PostgreSQL and Redis answer late, and the tests decide themselves when one is away.
      READ_TIMEOUT_MS: '10000',
      REDIS_TIMEOUT_MS: '1000',
      CACHE_TTL_S: String(CACHE_TTL_S),
      CACHE_FENCE_S: String(CACHE_FENCE_S),
    },
  },
}));
export const client = useClient(system);
/** A customer, whose token lives longer than the tokens that the system gives. */
export const account = whileTestsRun(createAccount);

export async function createAccount(): Promise<Account> {
  const registered = await client.register();
  return { ...registered, token: await createForge(system, registered)({ expiresIn: 3_600 }) };
}
