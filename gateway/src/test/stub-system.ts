// For tests: a gateway in this process, in front of three subgraphs that run in this process too and keep their data in memory.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServices } from '@apollo/composition';
import { REVOCATIONS_PATH } from '@holdfast/platform/auth/revocations';
import { createCallerCheck } from '@holdfast/platform/auth/service-tokens';
import { newServiceKeys, publicKeysFrom } from '@holdfast/platform/auth/testing-services';
import { createTokenVerifier, TOKEN_ALGORITHM, TOKEN_TYPE } from '@holdfast/platform/auth/tokens';
import type { Role } from '@holdfast/platform/auth/viewer';
import type { RequestContext } from '@holdfast/platform/graphql/server';
import { createSubgraph, type SubgraphOptions } from '@holdfast/platform/graphql/subgraph';
import { createHttpServer, type HttpServer } from '@holdfast/platform/http/server';
import { createLogger, type Logger } from '@holdfast/platform/observability/log';
import { parse } from 'graphql';
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { readGatewaySettings } from '../config.ts';
import { startGateway } from '../gateway.ts';

const log = createLogger('test', 'silent');
const ISSUER = 'test';
const SERVICE_KEYS = newServiceKeys();

export const SUBGRAPHS = ['users', 'products', 'orders'] as const;
export type SubgraphName = (typeof SUBGRAPHS)[number];

/** The real SDL of a subgraph. */
export const schemaOf = (name: SubgraphName): Promise<string> =>
  readFile(new URL(`../../../subgraphs/${name}/schema.graphql`, import.meta.url), 'utf8');

/** @throws when the schemas do not compose */
export function compose(schemas: Readonly<Record<string, string>>): string {
  const result = composeServices(
    Object.entries(schemas).map(([name, sdl]) => ({
      name,
      url: `http://${name}.invalid/graphql`,
      typeDefs: parse(sdl),
    })),
  );
  if (result.supergraphSdl === undefined) throw new Error(result.errors?.map(String).join('\n'));
  return result.supergraphSdl;
}

export type Resolvers = SubgraphOptions<RequestContext>['resolvers'];

export interface StubSystem {
  readonly url: string;
  readonly supergraphFile: string;
  /** The silent log of the gateway and the subgraphs. */
  readonly log: Logger;
  /** The readiness checks by name; a check that fails throws. */
  readonly checks: Readonly<Record<string, () => unknown>>;
  /** An access token of the user, whose id is a decimal number. */
  token(userId: string, role?: Role): Promise<string>;
  /** Stops one subgraph, which then refuses connections. */
  stop(name: SubgraphName): Promise<void>;
  /** Replaces one subgraph by a version with this SDL. */
  upgrade(name: SubgraphName, sdl: string): Promise<void>;
  close(): Promise<void>;
}

export interface StubOptions {
  readonly resolvers: Readonly<Partial<Record<SubgraphName, Resolvers>>>;
  /** The SDLs of the subgraphs; by default the real ones. */
  readonly schemas?: Readonly<Record<SubgraphName, string>>;
  /** The SDLs that the supergraph is composed of, when they differ from what the subgraphs serve. */
  readonly supergraph?: Readonly<Record<SubgraphName, string>>;
  readonly settings?: Readonly<Record<string, string>>;
}

async function createKeys() {
  const { publicKey, privateKey } = await generateKeyPair(TOKEN_ALGORITHM);
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: TOKEN_ALGORITHM, use: 'sig' }] };
  const token = (userId: string, role: Role = 'CUSTOMER') =>
    new SignJWT({ role, jti: 'one', gen: 0 })
      .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: TOKEN_TYPE, kid: 'one' })
      .setSubject(userId)
      .setIssuer(ISSUER)
      .setAudience(ISSUER)
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey);
  return { jwks, token };
}

/** Repeats the check until it passes, as a load balancer does. @throws the error of the check after 30 s */
export async function untilPasses(check: () => unknown): Promise<void> {
  for (const until = Date.now() + 30_000; ; ) {
    try {
      await check();
      return;
    } catch (error) {
      if (Date.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Starts the subgraphs and the gateway on free ports. */
export async function startStubSystem({
  resolvers,
  schemas,
  supergraph,
  settings = {},
}: StubOptions): Promise<StubSystem> {
  const { jwks, token } = await createKeys();
  const verify = createTokenVerifier({
    keys: createLocalJWKSet(jwks),
    issuer: ISSUER,
    audience: ISSUER,
    revocations: { hasEnded: async () => false },
  });
  const sdl = schemas ?? {
    users: await schemaOf('users'),
    products: await schemaOf('products'),
    orders: await schemaOf('orders'),
  };
  const servers = new Map<SubgraphName, HttpServer>();
  const ports = new Map<SubgraphName, number>();
  async function serve(name: SubgraphName, typeDefs: string): Promise<void> {
    const subgraph = await createSubgraph<RequestContext>({
      typeDefs,
      resolvers: resolvers[name] ?? {},
      verify,
      checkCaller: createCallerCheck({ name, keys: publicKeysFrom(SERVICE_KEYS) }),
      context: (base) => base,
      routes: {
        'GET /jwks': async () => ({ status: 200, body: JSON.stringify(jwks) }),
        [`GET ${REVOCATIONS_PATH}`]: async () => ({ status: 200, body: '[]' }),
      },
      log,
    });
    const server = createHttpServer({ ...subgraph, log, timeoutMs: 15_000 });
    servers.set(name, server);
    ports.set(name, await server.listen(ports.get(name) ?? 0, '127.0.0.1'));
  }
  for (const name of SUBGRAPHS) await serve(name, sdl[name]);
  const urlOf = (name: SubgraphName): string => `http://127.0.0.1:${ports.get(name)}`;

  const folder = await mkdtemp(join(tmpdir(), 'gateway-'));
  const supergraphFile = join(folder, 'supergraph.graphql');
  const isReal = schemas === undefined && supergraph === undefined;
  const real = new URL('../../supergraph.graphql', import.meta.url);
  await writeFile(supergraphFile, isReal ? await readFile(real) : compose(supergraph ?? sdl));
  const gateway = await startGateway(
    readGatewaySettings({
      PORT: '0',
      OPS_PORT: '0',
      JWT_ISSUER: ISSUER,
      JWT_AUDIENCE: ISSUER,
      SERVICE_KEY: SERVICE_KEYS.gateway,
      SUPERGRAPH_FILE: supergraphFile,
      USERS_URL: `${urlOf('users')}/graphql`,
      PRODUCTS_URL: `${urlOf('products')}/graphql`,
      ORDERS_URL: `${urlOf('orders')}/graphql`,
      JWKS_URL: `${urlOf('users')}/jwks`,
      RATE_LIMITS: 'off',
      ...settings,
    }),
    log,
  );
  await untilPasses(() => gateway.checks['supergraph']?.());
  const front = createHttpServer({ ...gateway, log, timeoutMs: 15_000 });
  const port = await front.listen(0, '127.0.0.1');

  return {
    url: `http://127.0.0.1:${port}`,
    supergraphFile,
    log,
    checks: gateway.checks,
    token,
    stop: async (name) => servers.get(name)?.close(),
    upgrade: async (name, next) => {
      await servers.get(name)?.close();
      await serve(name, next);
    },
    close: async () => {
      await front.close();
      await gateway.close();
      await Promise.all([...servers.values()].map((server) => server.close()));
      await rm(folder, { recursive: true });
    },
  };
}
