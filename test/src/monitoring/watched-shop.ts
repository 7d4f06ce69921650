// The shop that the tests of this folder watch: Redis, a collector of traces, every metric that a setting can add, and strict rules.
// Only verified accounts place orders, only with an idempotency key, and only staff write the catalog. The tests expect exact numbers,
// so no other suite uses it.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { PROCESSES, type ProcessName } from '@holdfast/local/settings/services';
import { findFreePorts } from '@holdfast/local/stack/stack';
import { inspect } from '../support/invariants.ts';
import { scrape, scrapeText } from '../support/metrics.ts';
import { startOtlpReceiver } from '../support/otlp.ts';
import { startRedis } from '../support/redis.ts';
import { useClient, useStaff } from '../support/shop.ts';
import { useSystem, whileTestsRun } from '../support/use-system.ts';

export const REVISION = '0123abc';

export const receiver = whileTestsRun(startOtlpReceiver, (running) => running.stop());
export const redis = whileTestsRun(startRedis, (server) => server.stop());
const found = whileTestsRun(async () => ({ ports: await findFreePorts() }));

/** What the gateway sends to users. */
export const recorder = whileTestsRun(
  () => startRecorder(found.ports.users.http),
  (running) => running.stop(),
);

export const system = useSystem(() => ({
  ports: found.ports,
  env: {
    REVISION,
    REDIS_URL: redis.url,
    RATE_LIMITS: 'register=1000/1m,login=100000/1m,address=100000/1m,invalid=100000/1m',
    ARGON2_CONCURRENCY: '1',
    ARGON2_QUEUE: '1',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  },
  environment: {
    gateway: {
      TRUSTED_PROXIES: '1',
      USERS_URL: `${recorder.url}/graphql`,
      // A gateway that waited for its collector would be killed.
      OTEL_EXPORTER_OTLP_TIMEOUT: '60000',
    },
    orders: {
      IDEMPOTENCY_KEY: 'required',
      UNVERIFIED_ACCOUNTS: 'browse',
      OTEL_EXPORTER_OTLP_TIMEOUT: '5000',
    },
    products: { CATALOG_WRITERS: 'staff' },
  },
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
export const staff = useStaff(system, client);

/** A customer whose address is verified. */
export const account = whileTestsRun(async () => {
  const registered = await client.register();
  await inspect(system.adminUrl, (admin) =>
    admin.query('UPDATE users.users SET email_verified_at = now() WHERE id = $1', [registered.id]),
  );
  return { ...registered, token: await client.signIn(registered.username, registered.password) };
});

export const product = whileTestsRun(() => client.product(staff.token, { stock: 1_000 }));

/** A proxy that keeps what passes on the way to `port`. */
async function startRecorder(port: number) {
  let heard = '';
  const server = createServer((caller) => {
    const service = connect(port, '127.0.0.1');
    caller.on('data', (chunk) => (heard += chunk)).on('error', () => service.destroy());
    service.on('error', () => caller.destroy());
    caller.pipe(service).pipe(caller);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    text: () => heard,
    stop: async () => void server.close(),
  };
}
