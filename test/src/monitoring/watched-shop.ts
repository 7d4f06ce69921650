// The shop that the tests of this folder watch, with every metric that a setting can add. They expect exact numbers, so no other suite uses it.
import { PROCESSES, type ProcessName } from '@holdfast/local/settings/services';
import { scrape, scrapeText } from '../support/metrics.ts';
import { startRedis } from '../support/redis.ts';
import { useAccount, useClient } from '../support/shop.ts';
import { useSystem, whileTestsRun } from '../support/use-system.ts';

export const REVISION = '0123abc';

export const redis = whileTestsRun(startRedis, (server) => server.stop());

export const system = useSystem(() => ({
  env: {
    REVISION,
    REDIS_URL: redis.url,
    RATE_LIMITS: 'register=1000/1m,login=100000/1m,address=100000/1m,invalid=100000/1m',
    ARGON2_CONCURRENCY: '1',
    ARGON2_QUEUE: '1',
  },
  environment: { gateway: { TRUSTED_PROXIES: '1' } },
}));

/** The URL of the metrics of a process. */
export const at = (name: ProcessName) => system.opsUrl(name, '/metrics');

/** The tasks of the queue that the metrics of a process show. */
export const listTasks = async (name: ProcessName): Promise<string[]> =>
  [...(await scrape(at(name))).keys()]
    .flatMap((series) => /^queue_jobs\{task="(.*)"\}$/.exec(series)?.[1] ?? [])
    .sort();

export const TASKS_OF_PRODUCTS = ['release-stock', 'reserve-stock', 'ship-stock'];

/** The metrics of each process before its first request, as text. */
export const textsAtStart = whileTestsRun(async () => {
  const texts = await Promise.all(PROCESSES.map(async (name) => [name, await scrapeText(at(name))] as const));
  return Object.fromEntries(texts) as Record<ProcessName, string>;
});

export const client = useClient(system);
export const account = useAccount(client);
