// Puts the users service together: keys, pools, domain, GraphQL, routes for services, worker and sweeps.
import { readFile } from 'node:fs/promises';
import { REVOCATIONS_PATH } from '@holdfast/platform/auth/revocations';
import { createSecurityLog, NO_ORIGIN } from '@holdfast/platform/auth/security-events';
import { createCallerCheck } from '@holdfast/platform/auth/service-tokens';
import { createTokenVerifier } from '@holdfast/platform/auth/tokens';
import { createSubgraph } from '@holdfast/platform/graphql/subgraph';
import type { RunningService } from '@holdfast/platform/lifecycle/service';
import type { Logger } from '@holdfast/platform/observability/log';
import { checkDatabase, createRequestPools, createWorkerPool } from '@holdfast/platform/postgres/database';
import { startSweepers } from '@holdfast/platform/postgres/sweeper';
import { startWorker } from '@holdfast/platform/queue/queue';
import type { UsersSettings } from './config.ts';
import { type Context, createContext } from './context.ts';
import { createEmailTokenStore, sweepEmailTokens } from './data/email-tokens.ts';
import { sweepKnownAddresses } from './data/known-addresses.ts';
import { sweepLoginTries } from './data/login-tries.ts';
import { readRevocations } from './data/revocations.ts';
import { sweepSessions } from './data/session-sweep.ts';
import { createEmailTokens } from './domain/email-tokens.ts';
import { createPasswordStrength } from './domain/password-strength.ts';
import { createDomain } from './domain.ts';
import { createJobs } from './jobs.ts';
import { openKeyRing } from './keys/key-ring.ts';
import { openMail } from './mail/open.ts';
import { observeSigningKeys } from './metrics.ts';
import { resolvers } from './resolvers.ts';
import { serveJwks } from './routes/jwks.ts';
import { serveRevocations } from './routes/revocations.ts';

const SCHEMA = new URL('../schema.graphql', import.meta.url);

/** Mails are slow and few. */
const MAILS_AT_ONCE = 5;

/** @throws {ConfigError} when the signing keys cannot be used */
export async function startUsers(settings: UsersSettings, log: Logger): Promise<RunningService> {
  const {
    DATABASE_URL: url,
    DATABASE_POOL_MAX: max,
    KEY_LEAD_S: leadS,
    ACCESS_TOKEN_TTL_S: tokenTtlS,
  } = settings;
  const record = createSecurityLog(log);
  const keys = await openKeyRing({
    path: settings.SIGNING_KEYS_FILE,
    times: { leadS, tokenTtlS },
    pollMs: settings.KEYS_POLL_MS,
    log,
    onRotation: (kids) =>
      record('key.rotated', {
        actor: 'system',
        subject: `key ${kids.at(-1)}`,
        origin: NO_ORIGIN,
        details: { inForce: kids.length },
      }),
  });
  observeSigningKeys(keys);
  const pools = createRequestPools({ url, max, applicationName: 'users', log });
  const mailer = await openMail(settings);
  if (mailer === undefined) log.warn('SMTP_URL is not set: no mail is sent');
  const emailTokens = createEmailTokens(settings.SESSION_SECRET);
  // As many passwords may wait to be judged as may be hashed or wait to be hashed.
  const strength = createPasswordStrength({
    maxWaiting: settings.ARGON2_CONCURRENCY + settings.ARGON2_QUEUE,
    log,
  });
  const sendsMail = mailer !== undefined;
  const domain = await createDomain({
    settings,
    ...pools,
    keys,
    emailTokens,
    strength,
    sendsMail,
    record,
    log,
  });
  const checkCaller = createCallerCheck({ name: 'users', keys: settings.SERVICE_PUBLIC_KEYS });
  // The list has its own connection, because behind a sweep or a burst of requests it would become too old to be served.
  const revocationPool = createWorkerPool({ url, max: 1, applicationName: 'users revocations', log });
  const revocations = serveRevocations({
    read: () => readRevocations(revocationPool, tokenTtlS),
    checkCaller,
    log,
  });
  const subgraph = await createSubgraph<Context>({
    typeDefs: await readFile(SCHEMA, 'utf8'),
    resolvers,
    verify: createTokenVerifier({
      keys: keys.verifierKeys,
      issuer: settings.JWT_ISSUER,
      audience: settings.JWT_AUDIENCE,
      revocations,
    }),
    checkCaller,
    context: (base) => createContext(base, domain),
    routes: {
      'GET /.well-known/jwks.json': serveJwks(keys, leadS),
      [`GET ${REVOCATIONS_PATH}`]: revocations.handle,
      ...(mailer && 'page' in mailer && { 'GET /outbox': mailer.page }),
    },
    log,
  });
  const worker =
    mailer &&
    startWorker({
      settings,
      applicationName: 'users-worker',
      handlers: (db) =>
        createJobs({
          tokens: createEmailTokenStore(db),
          emailTokens,
          mailer,
          publicUrl: settings.PUBLIC_URL ?? '',
          log,
        }),
      jobsAtOnce: MAILS_AT_ONCE,
      log,
    });
  const sweepers = startSweepers({
    sweeps: (db) => ({
      'old sessions': async (count) => (await sweepSessions(db, count)).families,
      'old mailed tokens': (count) => sweepEmailTokens(db, count),
      'old tries to log in': (count) => sweepLoginTries(db, count),
      'old addresses': (count) => sweepKnownAddresses(db, count),
    }),
    url,
    service: 'users',
    everyMs: settings.SESSION_SWEEP_MS,
    log,
  });

  return {
    routes: subgraph.routes,
    handler: subgraph.handler,
    onError: subgraph.onError,
    checks: {
      database: () => checkDatabase(pools.reads),
      ...(worker && { queue: () => worker.check() }),
    },
    close: async () => {
      await Promise.all([worker?.stop(), sweepers.stop()]);
      mailer?.close();
      revocations.close();
      await Promise.all([subgraph.close(), strength.close(), keys.close()]);
      await Promise.all([pools.end(), revocationPool.end()]);
    },
  };
}
