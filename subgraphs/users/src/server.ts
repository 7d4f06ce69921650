// Puts the service together: keys, database, domain, and the HTTP side on top.
import { readFile } from 'node:fs/promises';
import { REVOCATIONS_PATH } from '@holdfast/platform/auth/revocations';
import { createSecurityLog, NO_ORIGIN, type SecurityLog } from '@holdfast/platform/auth/security-events';
import { type CallerCheck, createCallerCheck } from '@holdfast/platform/auth/service-tokens';
import { createTokenVerifier } from '@holdfast/platform/auth/tokens';
import { createSubgraph } from '@holdfast/platform/graphql/subgraph';
import type { Handler } from '@holdfast/platform/http/server';
import type { RunningService } from '@holdfast/platform/lifecycle/service';
import type { Logger } from '@holdfast/platform/observability/log';
import { checkDatabase, createRequestPools, createWorkerPool } from '@holdfast/platform/postgres/database';
import { startSweepers } from '@holdfast/platform/postgres/sweeper';
import { startWorker, type Worker } from '@holdfast/platform/queue/queue';
import type pg from 'pg';
import type { UsersSettings } from './config.ts';
import { createContext, type Domain } from './context.ts';
import { selectAccountPage } from './data/account-pages.ts';
import { type AccountStore, createAccountStore } from './data/accounts.ts';
import { selectAuditPage } from './data/audit-events.ts';
import { createEmailStepStore } from './data/email-steps.ts';
import { createEmailTokenStore, sweepEmailTokens } from './data/email-tokens.ts';
import { createKnownAddresses } from './data/known-addresses.ts';
import { createLoginTries } from './data/login-tries.ts';
import { createPasswordStore } from './data/passwords.ts';
import { readRevocations } from './data/revocations.ts';
import { createSessionSweep } from './data/session-sweep.ts';
import { createSessionStore } from './data/sessions.ts';
import { createStaffActions } from './data/staff-actions.ts';
import { createAccessTokenIssuer } from './domain/access-tokens.ts';
import { createRegister, findByName } from './domain/accounts.ts';
import { createAdministration } from './domain/administration.ts';
import { createNoteEvent } from './domain/by.ts';
import { createChangePassword } from './domain/change-password.ts';
import { createConfirmLogin } from './domain/confirm-login.ts';
import { createDeviceTokens } from './domain/device-tokens.ts';
import { createEmailSteps } from './domain/email-steps.ts';
import { createEmailTokens, type EmailTokens } from './domain/email-tokens.ts';
import { createListAccounts, createListAuditEvents } from './domain/lists.ts';
import { createLogin } from './domain/login.ts';
import { createLoginGuard } from './domain/login-guard.ts';
import { createPasswordHasher } from './domain/password-hashing.ts';
import { createPasswordStrength, type PasswordStrength } from './domain/password-strength.ts';
import { createSuccessors } from './domain/refresh-tokens.ts';
import { createSessions } from './domain/sessions.ts';
import { mailJobs } from './jobs.ts';
import { type KeyRing, openKeyRing } from './keys/key-ring.ts';
import { publishedMaxAgeS } from './keys/key-schedule.ts';
import { createSmtpMailer, type Mailer } from './mail/mailer.ts';
import { createOutbox, type Outbox } from './mail/outbox.ts';
import { countLogins, observeSigningKeys } from './metrics.ts';
import { resolvers } from './resolvers.ts';
import { serveRevocations } from './revocations.ts';

const SCHEMA = new URL('../schema.graphql', import.meta.url);

/** Mails are slow and few. */
const MAILS_AT_ONCE = 5;

interface DomainParts {
  readonly settings: UsersSettings;
  readonly log: Logger;
  readonly pool: pg.Pool;
  readonly reads: pg.Pool;
  readonly accounts: AccountStore;
  readonly keys: KeyRing;
  readonly security: SecurityLog;
  readonly emailTokens: EmailTokens;
  readonly sendsMail: boolean;
  readonly strength: PasswordStrength;
}

async function createDomain(parts: DomainParts): Promise<Domain> {
  const { settings, log, pool, reads, accounts, keys, emailTokens, sendsMail, strength, security } = parts;
  const note = createNoteEvent(security);
  const hasher = await createPasswordHasher({
    concurrency: settings.ARGON2_CONCURRENCY,
    maxWaiting: settings.ARGON2_QUEUE,
  });
  const issueAccessToken = createAccessTokenIssuer({
    signer: keys.signer,
    issuer: settings.JWT_ISSUER,
    audience: settings.JWT_AUDIENCE,
    ttlSeconds: settings.ACCESS_TOKEN_TTL_S,
  });
  const secrets = settings.SESSION_SECRET;
  const deviceTokens = createDeviceTokens(secrets);
  const guard = createLoginGuard({
    tries: createLoginTries(pool),
    known: createKnownAddresses(pool),
    deviceTokens,
    secrets,
  });
  const opening = {
    sessions: createSessionStore(pool),
    issueAccessToken,
    life: { ttlDays: settings.REFRESH_TOKEN_TTL_DAYS, maxAgeDays: settings.SESSION_MAX_AGE_DAYS },
    guard,
    deviceTokens,
    security,
  };
  const emailSteps = createEmailSteps({
    accounts,
    tokens: createEmailTokenStore(pool),
    steps: createEmailStepStore(pool),
    emailTokens,
    hasher,
    guard,
    strength,
    sendsMail,
    note,
  });
  return {
    register: createRegister({
      accounts,
      hasher,
      strength,
      verification: () => (sendsMail ? emailTokens.sow() : undefined),
    }),
    login: countLogins(
      createLogin({
        ...opening,
        accounts,
        hasher,
        sendLoginLink: sendsMail ? emailSteps.mailLoginLink : undefined,
        log,
      }),
    ),
    confirmLogin: countLogins(createConfirmLogin(opening)),
    sessions: createSessions({ ...opening, successorsOf: createSuccessors(secrets) }),
    changePassword: createChangePassword({
      accounts,
      passwords: createPasswordStore(pool),
      hasher,
      guard,
      strength,
      note,
    }),
    emailSteps,
    administration: createAdministration(createStaffActions(pool), security),
    listAccounts: createListAccounts((page) => selectAccountPage(reads, page)),
    listAuditEvents: createListAuditEvents((page) => selectAuditPage(reads, page)),
    findAccount: async (name) => (await findByName(accounts, name))?.account ?? null,
  };
}

/** The list is read over a connection of its own: behind a sweep or a burst of requests it would become too old to give. */
function startRevocations(
  { DATABASE_URL: url, ACCESS_TOKEN_TTL_S }: UsersSettings,
  checkCaller: CallerCheck,
  log: Logger,
) {
  const pool = createWorkerPool({ url, max: 1, applicationName: 'users revocations', log });
  const revocations = serveRevocations({
    read: () => readRevocations(pool, ACCESS_TOKEN_TTL_S),
    checkCaller,
    log,
  });
  return {
    revocations,
    stop: async () => {
      revocations.close();
      await pool.end();
    },
  };
}

/** What takes mails, and the page that shows them where they go no further; undefined when none are sent. */
function openMail({ SMTP_URL, MAIL_FROM, MAIL_OUTBOX_DIR }: UsersSettings): Mailer | Outbox | undefined {
  if (SMTP_URL !== undefined) return createSmtpMailer(SMTP_URL, MAIL_FROM);
  return MAIL_OUTBOX_DIR === undefined ? undefined : createOutbox(MAIL_OUTBOX_DIR);
}

function startMailing(
  settings: UsersSettings,
  mailer: Mailer,
  emailTokens: EmailTokens,
  log: Logger,
): Worker {
  const { PUBLIC_URL: publicUrl = '' } = settings;
  return startWorker({
    settings,
    applicationName: 'users-worker',
    handlers: (db) => mailJobs({ tokens: createEmailTokenStore(db), emailTokens, mailer, publicUrl, log }),
    jobsAtOnce: MAILS_AT_ONCE,
    log,
  });
}

/** Says how long verifiers may go by their copy: a new key must be published for longer than that before it signs. */
function serveJwks(keys: KeyRing, leadS: number): Handler {
  const headers = {
    'content-type': 'application/jwk-set+json',
    'cache-control': `public, max-age=${publishedMaxAgeS(leadS)}`,
  };
  return async () => ({ status: 200, headers, body: JSON.stringify(keys.publicJwks()) });
}

/** Starts the users subgraph. @throws {ConfigError} when the signing keys cannot be used */
export async function startUsers(settings: UsersSettings, log: Logger): Promise<RunningService> {
  const { KEY_LEAD_S: leadS, ACCESS_TOKEN_TTL_S: tokenTtlS, KEYS_POLL_MS: pollMs } = settings;
  const times = { leadS, tokenTtlS };
  const security = createSecurityLog(log);
  const keys = await openKeyRing({
    path: settings.SIGNING_KEYS_FILE,
    times,
    pollMs,
    log,
    onRotation: (kids) =>
      security('key.rotated', {
        actor: 'system',
        subject: `key ${kids.at(-1)}`,
        origin: NO_ORIGIN,
        details: { inForce: kids.length },
      }),
  });
  observeSigningKeys(keys);
  const pools = createRequestPools({
    url: settings.DATABASE_URL,
    max: settings.DATABASE_POOL_MAX,
    applicationName: 'users',
    log,
  });
  const accounts = createAccountStore(pools.writes, pools.reads);
  const emailTokens = createEmailTokens(settings.SESSION_SECRET);
  const mailer = openMail(settings);
  if (mailer === undefined) log.warn('SMTP_URL is not set: no mail is sent');
  const sendsMail = mailer !== undefined;
  const pool = pools.writes;
  const strength = createPasswordStrength({
    // As many as may be hashed or wait for it.
    maxWaiting: settings.ARGON2_CONCURRENCY + settings.ARGON2_QUEUE,
    log,
  });
  const domain = await createDomain({
    settings,
    log,
    pool,
    reads: pools.reads,
    accounts,
    keys,
    emailTokens,
    sendsMail,
    strength,
    security,
  });
  const checkCaller = createCallerCheck({ name: 'users', keys: settings.SERVICE_PUBLIC_KEYS });
  const { revocations, stop: stopRevocations } = startRevocations(settings, checkCaller, log);
  const sweepers = startSweepers({
    sweeps: (db) => ({
      'old sessions': async (max) => (await createSessionSweep(db)(max)).families,
      'old mailed tokens': (max) => sweepEmailTokens(db, max),
      'old tries to log in': createLoginTries(db).sweep,
      'old addresses': createKnownAddresses(db).sweep,
    }),
    url: settings.DATABASE_URL,
    service: 'users',
    everyMs: settings.SESSION_SWEEP_MS,
    log,
  });
  const subgraph = await createSubgraph({
    typeDefs: await readFile(SCHEMA, 'utf8'),
    resolvers,
    verify: createTokenVerifier({
      keys: keys.verifierKeys,
      issuer: settings.JWT_ISSUER,
      audience: settings.JWT_AUDIENCE,
      revocations,
    }),
    checkCaller,
    context: (base) => createContext(base, domain, accounts),
    routes: {
      'GET /.well-known/jwks.json': serveJwks(keys, leadS),
      [`GET ${REVOCATIONS_PATH}`]: revocations.handle,
      ...(mailer && 'page' in mailer && { 'GET /outbox': mailer.page }),
    },
    log,
  });
  const worker = mailer && startMailing(settings, mailer, emailTokens, log);
  return {
    routes: subgraph.routes,
    handler: subgraph.handler,
    onError: subgraph.onError,
    checks: {
      database: () => checkDatabase(pools.reads),
      ...(worker && { queue: () => worker.check() }),
    },
    close: async () => {
      await worker?.stop();
      mailer?.close();
      await strength.close();
      await subgraph.close();
      await Promise.all([stopRevocations(), sweepers.stop(), keys.close()]);
      await pools.end();
    },
  };
}
