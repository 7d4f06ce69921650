// The shop that the tests of this folder use: only verified accounts place orders, only with an idempotency key, only staff write the
// catalog, and a collector receives the traces.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { findFreePorts } from '@holdfast/local/stack/stack';
import { inspect } from '../support/invariants.ts';
import { startOtlpReceiver } from '../support/otlp.ts';
import { startRedis } from '../support/redis.ts';
import { useClient, useStaff } from '../support/shop.ts';
import { useSystem, whileTestsRun } from '../support/use-system.ts';

export const receiver = whileTestsRun(startOtlpReceiver, (running) => running.stop());
const redis = whileTestsRun(startRedis, (server) => server.stop());
const found = whileTestsRun(async () => ({ ports: await findFreePorts() }));

/** What the gateway sends to users. */
export const recorder = whileTestsRun(
  () => startRecorder(found.ports.users.http),
  (running) => running.stop(),
);

export const system = useSystem(() => ({
  ports: found.ports,
  env: {
    REDIS_URL: redis.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  },
  environment: {
    // A gateway that waited for its collector would be killed.
    gateway: { USERS_URL: `${recorder.url}/graphql`, OTEL_EXPORTER_OTLP_TIMEOUT: '60000' },
    orders: {
      IDEMPOTENCY_KEY: 'required',
      UNVERIFIED_ACCOUNTS: 'browse',
      OTEL_EXPORTER_OTLP_TIMEOUT: '5000',
    },
    products: { CATALOG_WRITERS: 'staff' },
  },
}));
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
