// Puts the service together: keys, database, domain, and the HTTP side on top.
import { readFile } from 'node:fs/promises';
import { checkDatabase, createPool } from '@holdfast/platform/database';
import type { Handler } from '@holdfast/platform/http';
import type { Logger } from '@holdfast/platform/log';
import type { RunningService } from '@holdfast/platform/service';
import { createCallerCheck } from '@holdfast/platform/service-tokens';
import { createSubgraph } from '@holdfast/platform/subgraph';
import { createTokenVerifier } from '@holdfast/platform/tokens';
import { createLocalJWKSet } from 'jose';
import type pg from 'pg';
import type { UsersSettings } from './config.js';
import { createContext, type Domain } from './context.js';
import { type AccountStore, createAccountStore } from './data/accounts.js';
import { createPasswordStore } from './data/passwords.js';
import { createSessionStore } from './data/sessions.js';
import { createAccessTokenIssuer } from './domain/access-tokens.js';
import { createRegister } from './domain/accounts.js';
import { createChangePassword } from './domain/change-password.js';
import { createPasswordHasher } from './domain/password-hashing.js';
import { readCommonPasswords } from './domain/password-rules.js';
import { createSessions } from './domain/sessions.js';
import { readSigningKeys, type SigningKeys } from './domain/signing-keys.js';
import { resolvers } from './resolvers.js';

const SCHEMA = new URL('../schema.graphql', import.meta.url);

/** Verifiers may keep the keys for five minutes: a new key must be published that long before it signs. */
const JWKS_HEADERS = { 'content-type': 'application/jwk-set+json', 'cache-control': 'public, max-age=300' };

interface DomainParts {
  readonly settings: UsersSettings;
  readonly log: Logger;
  readonly pool: pg.Pool;
  readonly accounts: AccountStore;
  readonly signer: SigningKeys['signer'];
}

async function createDomain({ settings, log, pool, accounts, signer }: DomainParts): Promise<Domain> {
  const [commonPasswords, hasher] = await Promise.all([
    readCommonPasswords(),
    createPasswordHasher({ concurrency: settings.ARGON2_CONCURRENCY, maxWaiting: settings.ARGON2_QUEUE }),
  ]);
  const issueAccessToken = createAccessTokenIssuer({
    signer,
    issuer: settings.JWT_ISSUER,
    audience: settings.JWT_AUDIENCE,
    ttlSeconds: settings.ACCESS_TOKEN_TTL_S,
  });
  return {
    register: createRegister({ accounts, hasher, commonPasswords }),
    sessions: createSessions({
      accounts,
      sessions: createSessionStore(pool),
      hasher,
      issueAccessToken,
      refreshTtlDays: settings.REFRESH_TOKEN_TTL_DAYS,
      log,
    }),
    changePassword: createChangePassword({
      accounts,
      passwords: createPasswordStore(pool),
      hasher,
      commonPasswords,
    }),
  };
}

function serveJwks(publicJwks: SigningKeys['publicJwks']): Handler {
  const body = JSON.stringify(publicJwks);
  return async () => ({ status: 200, headers: JWKS_HEADERS, body });
}

/** Starts the users subgraph. @throws {ConfigError} when the signing keys cannot be used */
export async function startUsers(settings: UsersSettings, log: Logger): Promise<RunningService> {
  const { signer, publicJwks } = await readSigningKeys(settings.SIGNING_KEYS_FILE);
  const pool = createPool({
    url: settings.DATABASE_URL,
    max: settings.DATABASE_POOL_MAX,
    applicationName: 'users',
    log,
  });
  const accounts = createAccountStore(pool);
  const domain = await createDomain({ settings, log, pool, accounts, signer });
  const subgraph = await createSubgraph({
    typeDefs: await readFile(SCHEMA, 'utf8'),
    resolvers,
    verify: createTokenVerifier({
      keys: createLocalJWKSet(publicJwks),
      issuer: settings.JWT_ISSUER,
      audience: settings.JWT_AUDIENCE,
    }),
    checkCaller: createCallerCheck({ name: 'users', secrets: settings.SERVICE_SECRET }),
    context: (base) => createContext(base, domain, accounts),
    routes: { 'GET /.well-known/jwks.json': serveJwks(publicJwks) },
    log,
  });
  return {
    handler: subgraph.handler,
    onFault: subgraph.onFault,
    checks: { database: () => checkDatabase(pool) },
    close: async () => {
      await subgraph.close();
      await pool.end();
    },
  };
}
