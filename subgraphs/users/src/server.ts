// Puts the service together: keys, database, domain, and the HTTP side on top.
import { readFile } from 'node:fs/promises';
import { checkDatabase, createRequestPools, createWorkerPool } from '@holdfast/platform/database';
import type { Handler } from '@holdfast/platform/http';
import type { Logger } from '@holdfast/platform/log';
import { REVOCATIONS_PATH } from '@holdfast/platform/revocations';
import { createSecurityLog, NO_ORIGIN, type SecurityLog } from '@holdfast/platform/security-events';
import type { RunningService } from '@holdfast/platform/service';
import { type CallerCheck, createCallerCheck } from '@holdfast/platform/service-tokens';
import { createSubgraph } from '@holdfast/platform/subgraph';
import { startSweeper } from '@holdfast/platform/sweeper';
import { createTokenVerifier } from '@holdfast/platform/tokens';
import type pg from 'pg';
import type { UsersSettings } from './config.ts';
import { createContext, type Domain } from './context.ts';
import { selectAccountPage } from './data/account-pages.ts';
import { type AccountStore, createAccountStore } from './data/accounts.ts';
import { selectAuditPage } from './data/audit-events.ts';
import { createPasswordStore } from './data/passwords.ts';
import { readRevocations } from './data/revocations.ts';
import { createSessionSweep } from './data/session-sweep.ts';
import { createSessionStore } from './data/sessions.ts';
import { createStaffActions } from './data/staff-actions.ts';
import { createAccessTokenIssuer } from './domain/access-tokens.ts';
import { createRegister, findByName } from './domain/accounts.ts';
import { createAdministration } from './domain/administration.ts';
import { createChangePassword } from './domain/change-password.ts';
import { type KeyRing, openKeyRing } from './domain/key-ring.ts';
import { publishedMaxAgeS } from './domain/key-schedule.ts';
import { createListAccounts, createListAuditEvents } from './domain/lists.ts';
import { createPasswordHasher } from './domain/password-hashing.ts';
import { readCommonPasswords } from './domain/password-rules.ts';
import { createSuccessors } from './domain/refresh-tokens.ts';
import { createSessions } from './domain/sessions.ts';
import { countLogins, observeSigningKeys } from './metrics.ts';
import { resolvers } from './resolvers.ts';
import { serveRevocations } from './revocations.ts';

const SCHEMA = new URL('../schema.graphql', import.meta.url);

interface DomainParts {
  readonly settings: UsersSettings;
  readonly log: Logger;
  readonly pool: pg.Pool;
  readonly reads: pg.Pool;
  readonly accounts: AccountStore;
  readonly keys: KeyRing;
  readonly securityLog: SecurityLog;
}

async function createDomain({
  settings,
  log,
  pool,
  reads,
  accounts,
  keys,
  securityLog,
}: DomainParts): Promise<Domain> {
  const [commonPasswords, hasher] = await Promise.all([
    readCommonPasswords(),
    createPasswordHasher({ concurrency: settings.ARGON2_CONCURRENCY, maxWaiting: settings.ARGON2_QUEUE }),
  ]);
  const issueAccessToken = createAccessTokenIssuer({
    signer: keys.signer,
    issuer: settings.JWT_ISSUER,
    audience: settings.JWT_AUDIENCE,
    ttlSeconds: settings.ACCESS_TOKEN_TTL_S,
  });
  return {
    register: createRegister({ accounts, hasher, commonPasswords }),
    sessions: countLogins(
      createSessions({
        accounts,
        sessions: createSessionStore(pool),
        hasher,
        issueAccessToken,
        successorsOf: createSuccessors(settings.SESSION_SECRET),
        refreshTtlDays: settings.REFRESH_TOKEN_TTL_DAYS,
        log,
        securityLog,
      }),
    ),
    changePassword: createChangePassword({
      accounts,
      passwords: createPasswordStore(pool),
      hasher,
      commonPasswords,
    }),
    administration: createAdministration(createStaffActions(pool), securityLog),
    listAccounts: createListAccounts((page) => selectAccountPage(reads, page)),
    listAuditEvents: createListAuditEvents((page) => selectAuditPage(reads, page)),
    findAccount: async (name) => (await findByName(accounts, name))?.account ?? null,
  };
}

/** What the service does by the clock has a connection of its own: it is no request's statement. */
function startUpkeep(
  { DATABASE_URL: url, SESSION_SWEEP_MS, ACCESS_TOKEN_TTL_S }: UsersSettings,
  checkCaller: CallerCheck,
  log: Logger,
) {
  const pool = createWorkerPool({ url, max: 1, applicationName: 'users upkeep', log });
  const revocations = serveRevocations({
    read: () => readRevocations(pool, ACCESS_TOKEN_TTL_S),
    checkCaller,
    log,
  });
  const sweepSessions = createSessionSweep(pool);
  const sweeper = startSweeper({
    what: 'old sessions',
    sweep: async (max) => (await sweepSessions(max)).families,
    everyMs: SESSION_SWEEP_MS,
    log,
  });
  return {
    revocations,
    stop: async () => {
      revocations.close();
      await sweeper.stop();
      await pool.end();
    },
  };
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
  const securityLog = createSecurityLog(log);
  const keys = await openKeyRing({
    path: settings.SIGNING_KEYS_FILE,
    times,
    pollMs,
    log,
    onRotation: (kids) =>
      securityLog('key.rotated', {
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
  const domain = await createDomain({
    settings,
    log,
    pool: pools.writes,
    reads: pools.reads,
    accounts,
    keys,
    securityLog,
  });
  const checkCaller = createCallerCheck({ name: 'users', keys: settings.SERVICE_PUBLIC_KEYS });
  const upkeep = startUpkeep(settings, checkCaller, log);
  const subgraph = await createSubgraph({
    typeDefs: await readFile(SCHEMA, 'utf8'),
    resolvers,
    verify: createTokenVerifier({
      keys: keys.verifierKeys,
      issuer: settings.JWT_ISSUER,
      audience: settings.JWT_AUDIENCE,
      revocations: upkeep.revocations,
    }),
    checkCaller,
    context: (base) => createContext(base, domain, accounts),
    routes: {
      'GET /.well-known/jwks.json': serveJwks(keys, leadS),
      [`GET ${REVOCATIONS_PATH}`]: upkeep.revocations.handle,
    },
    log,
  });
  return {
    routes: subgraph.routes,
    handler: subgraph.handler,
    onFault: subgraph.onFault,
    checks: { database: () => checkDatabase(pools.reads) },
    close: async () => {
      await subgraph.close();
      await Promise.all([upkeep.stop(), keys.close()]);
      await pools.end();
    },
  };
}
