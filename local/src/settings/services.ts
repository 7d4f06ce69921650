// The four processes of the system: their ports and their complete environments.
import { join } from 'node:path';
import type { Service } from '@holdfast/database';
import { ROOT } from '../root.js';
import type { StackSecrets } from './secrets.ts';

export const PROCESSES = ['users', 'products', 'orders', 'gateway'] as const;
export type ProcessName = (typeof PROCESSES)[number];

/** The port that callers use and the one for `/livez`, `/readyz` and `/metrics`. */
export type Ports = Record<ProcessName, { http: number; ops: number }>;

/** The secrets that services get. */
export type ServiceSecrets = Omit<StackSecrets, 'rolePasswords'>;

/** Empty secrets, where only the names of settings matter. */
export const NO_SECRETS: ServiceSecrets = {
  signingKeysFile: '',
  serviceKeys: { gateway: '', products: '', orders: '' },
  servicePublicKeys: '',
  sessionSecret: '',
};

export type ServiceSettings = {
  ports: Ports;
  /** The database's URL with each service's own role. */
  databaseUrls: Record<Service, string>;
  secrets: ServiceSecrets;
  /** The folder for mails without SMTP_URL. */
  mailOutboxDir: string;
  logLevel: string;
  /** Settings for every process, such as REDIS_URL and RATE_LIMITS. */
  passedThrough: Record<string, string>;
};

/** The address that the processes listen on. */
export const HOST = '127.0.0.1';
const OFFSETS: Record<ProcessName, number> = { gateway: 0, users: 1, products: 2, orders: 3 };
const OPS_OFFSET = 100;
const INSPECTOR_OFFSET = 200;
/** Allowed by CORS, so that Apollo's own Explorer can call a local stack. */
const APOLLO_STUDIO = 'https://studio.apollographql.com';

/** The gateway has `port`, users, products and orders the next three; each ops port is 100 higher. */
export function portsFrom(port: number): Ports {
  const at = (name: ProcessName) => ({ http: port + OFFSETS[name], ops: port + OFFSETS[name] + OPS_OFFSET });
  return { users: at('users'), products: at('products'), orders: at('orders'), gateway: at('gateway') };
}

/** Every port of a stack. */
export function allPorts(ports: Ports): Set<number> {
  return new Set(Object.values(ports).flatMap(({ http, ops }) => [http, ops]));
}

/** How a port follows from PORT, for messages: `PORT + 1`. */
export function portFormula(name: ProcessName, kind: 'http' | 'ops'): string {
  const offset = OFFSETS[name] + (kind === 'ops' ? OPS_OFFSET : 0);
  return offset === 0 ? 'PORT' : `PORT + ${offset}`;
}

export function httpUrl(ports: Ports, name: ProcessName): string {
  return `http://${HOST}:${ports[name].http}`;
}

export function opsUrl(ports: Ports, name: ProcessName): string {
  return `http://${HOST}:${ports[name].ops}`;
}

/** The address of a process's inspector with `npm run dev -- --inspect`: 200 above its port. */
export function inspectorAddress(ports: Ports, name: ProcessName): string {
  return `${HOST}:${ports[name].http + INSPECTOR_OFFSET}`;
}

/** The folder of a process's code. */
export function folderOf(name: ProcessName): string {
  return join(ROOT, name === 'gateway' ? 'gateway' : `subgraphs/${name}`);
}

/** The program of a process. */
export function entryOf(name: ProcessName): string {
  return join(folderOf(name), 'src/main.ts');
}

/** Node caches compiled sources here. With the cache, a service is ready in two thirds of the time. */
export const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/node');

/** The complete environment of a process. */
export function environmentOf(name: ProcessName, settings: ServiceSettings): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    NODE_COMPILE_CACHE: COMPILE_CACHE,
    LOG_LEVEL: settings.logLevel,
    JWT_ISSUER: 'holdfast-local',
    JWT_AUDIENCE: 'holdfast',
    ...(name === 'gateway' && { CORS_ORIGINS: APOLLO_STUDIO, DEMO: 'on' }),
    ...(name === 'products' && shareRedis(settings.passedThrough)),
    ...(name === 'users' && decideMail(settings)),
    ...settings.passedThrough,
    ...decideSettings(name, settings),
  };
}

/** On one machine, one Redis serves the rate limits and the cache. */
const shareRedis = ({ REDIS_URL }: Record<string, string>): Record<string, string> =>
  REDIS_URL === undefined ? {} : { CACHE_REDIS_URL: REDIS_URL };

/** The destination of mails, and the URL in their links. */
function decideMail({ ports, mailOutboxDir, passedThrough }: ServiceSettings): Record<string, string> {
  const isSent = passedThrough['SMTP_URL'] !== undefined;
  return { PUBLIC_URL: httpUrl(ports, 'gateway'), ...(!isSent && { MAIL_OUTBOX_DIR: mailOutboxDir }) };
}

/** The names of the settings that `npm start` decides for the services. */
export function listDecidedNames(): ReadonlySet<string> {
  const placeholder: ServiceSettings = {
    ports: portsFrom(0),
    databaseUrls: { users: '', products: '', orders: '' },
    secrets: NO_SECRETS,
    mailOutboxDir: '',
    logLevel: '',
    passedThrough: {},
  };
  return new Set(PROCESSES.flatMap((name) => Object.keys(decideSettings(name, placeholder))));
}

function decideSettings(name: ProcessName, settings: ServiceSettings): Record<string, string> {
  const { http, ops } = settings.ports[name];
  return {
    PORT: String(http),
    OPS_PORT: String(ops),
    HOST,
    ...decideOwnSettings(name, settings),
  };
}

/** The local stack has no pooler. An empty setting counts as not set. */
const NO_POOLER = { DATABASE_DIRECT_URL: '' };

function decideOwnSettings(name: ProcessName, settings: ServiceSettings): Record<string, string> {
  const { ports, databaseUrls, secrets } = settings;
  const { servicePublicKeys: SERVICE_PUBLIC_KEYS } = secrets;
  const graphql = (process: ProcessName) => `${httpUrl(ports, process)}/graphql`;
  const JWKS_URL = `${httpUrl(ports, 'users')}/.well-known/jwks.json`;
  switch (name) {
    case 'users':
      return {
        DATABASE_URL: databaseUrls.users,
        ...NO_POOLER,
        SIGNING_KEYS_FILE: secrets.signingKeysFile,
        SESSION_SECRET: secrets.sessionSecret,
        SERVICE_PUBLIC_KEYS,
      };
    case 'products':
      return {
        DATABASE_URL: databaseUrls.products,
        ...NO_POOLER,
        JWKS_URL,
        SERVICE_KEY: secrets.serviceKeys.products,
        SERVICE_PUBLIC_KEYS,
      };
    case 'orders':
      return {
        DATABASE_URL: databaseUrls.orders,
        ...NO_POOLER,
        JWKS_URL,
        PRODUCTS_URL: graphql('products'),
        SERVICE_KEY: secrets.serviceKeys.orders,
        SERVICE_PUBLIC_KEYS,
      };
    case 'gateway':
      return {
        SUPERGRAPH_FILE: join(ROOT, 'gateway/supergraph.graphql'),
        USERS_URL: graphql('users'),
        PRODUCTS_URL: graphql('products'),
        ORDERS_URL: graphql('orders'),
        JWKS_URL,
        SERVICE_KEY: secrets.serviceKeys.gateway,
      };
  }
}
