// For this service's tests: the whole service in the process, on a database and with keys of its own.
import { createTestDatabase } from '@holdfast/database/testing';
import { publicKeysOf } from '@holdfast/platform/auth/service-keys';
import { gatewayHeaders, newServiceKeys } from '@holdfast/platform/auth/testing-services';
import { CLIENT_ADDRESS_HEADER, createHttpServer } from '@holdfast/platform/http/server';
import { createLogger } from '@holdfast/platform/observability/log';
import type { JWK } from 'jose';
import pg from 'pg';
import { z } from 'zod';
import { readUsersSettings } from './config.ts';
import { startUsers } from './server.ts';
import { createKey, temporaryFile } from './testing-keys.ts';

const body = z.object({
  /** The shape is the query's, which the test has just written. */
  data: z.any().optional(),
  errors: z
    .array(z.object({ message: z.string(), extensions: z.looseObject({ code: z.string() }) }))
    .default([]),
});

export type GraphQLReply = z.infer<typeof body> & { readonly status: number };

export interface TestUsers {
  readonly url: string;
  /** The first signs. */
  readonly keys: JWK[];
  /** With the service's own role. */
  readonly databaseUrl: string;
  /** As the database's administrator. */
  readonly pool: pg.Pool;
  /** `address` is the client's, as the gateway would tell it. */
  graphql(query: string, variables?: object, authorization?: string, address?: string): Promise<GraphQLReply>;
  /** A second instance on the same database, with the same keys and secrets. */
  another(): Promise<Pick<TestUsers, 'graphql' | 'stop'>>;
  stop(): Promise<void>;
}

const serviceKeys = newServiceKeys();
const serviceHeaders = gatewayHeaders(serviceKeys);

/** The secrets that the service is given. */
export const SECRETS = {
  SERVICE_PUBLIC_KEYS: publicKeysOf(serviceKeys),
  SESSION_SECRET: 'known to the users service and its tests',
};

/** Sends one operation. */
export async function postGraphQL(
  url: string,
  query: string,
  variables: object = {},
  authorization?: string,
  address?: string,
): Promise<GraphQLReply> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(await serviceHeaders('users')),
      ...(authorization && { authorization }),
      ...(address && { [CLIENT_ADDRESS_HEADER]: address }),
    },
    body: JSON.stringify({ query, variables }),
  });
  return { status: response.status, ...body.parse(await response.json()) };
}

interface Instance {
  readonly url: string;
  close(): Promise<void>;
}

/** Starts an instance in this process. */
export async function startInstance(env: Readonly<Record<string, string>>): Promise<Instance> {
  const log = createLogger('users', 'silent');
  const service = await startUsers(readUsersSettings(env), log);
  const http = createHttpServer({ ...service, log, timeoutMs: 20_000 });
  return {
    url: `http://127.0.0.1:${await http.listen(0, '127.0.0.1')}`,
    close: () => http.close().then(() => service.close()),
  };
}

const callsOf = ({ url }: Instance): Pick<TestUsers, 'graphql'> => ({
  graphql: (...call) => postGraphQL(url, ...call),
});

/** Starts the service; `env` adds to its settings. */
export async function startTestUsers(env: Readonly<Record<string, string>> = {}): Promise<TestUsers> {
  const database = await createTestDatabase();
  const keys = [await createKey(), await createKey()];
  const file = await temporaryFile(JSON.stringify({ keys }));
  const settings = {
    PORT: '0',
    OPS_PORT: '0',
    DATABASE_URL: database.urls.users,
    SIGNING_KEYS_FILE: file.path,
    ...SECRETS,
    ...env,
  };
  const first = await startInstance(settings);
  const pool = new pg.Pool({ connectionString: database.adminUrl, max: 2 });
  return {
    url: first.url,
    keys,
    databaseUrl: database.urls.users,
    pool,
    ...callsOf(first),
    another: async () => {
      const instance = await startInstance(settings);
      return { ...callsOf(instance), stop: instance.close };
    },
    stop: async () => {
      await first.close();
      await pool.end();
      await database.release();
      await file.remove();
    },
  };
}

/** Deletes all accounts, audit events and counts of logins, so that several suites can share one service. */
export async function forgetAccounts(pool: pg.Pool): Promise<void> {
  await pool.query('DELETE FROM users.users');
  await pool.query('DELETE FROM users.audit_events');
  await pool.query('DELETE FROM users.login_tries');
}
