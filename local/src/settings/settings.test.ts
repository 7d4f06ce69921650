// The settings that `npm start` accepts, and the errors for others.
import { hostname } from 'node:os';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { computeEditDistance } from '../command-line/edit-distance.js';
import { ROOT } from '../root.js';
import { type KnownSettings, readKnownSettings } from './known-settings.ts';
import { environmentOf, NO_SECRETS, PROCESSES, portFormula, portsFrom } from './services.ts';
import { readLocalSettings, type StartOptions } from './settings.ts';

let known: KnownSettings;
beforeAll(async () => {
  known = await readKnownSettings();
});

const read = (env: NodeJS.ProcessEnv, options: StartOptions = {}) => readLocalSettings(options, env, known);
const errorsOf = (env: NodeJS.ProcessEnv): string => {
  try {
    read(env);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
};

test('without settings the database is embedded in .data and the gateway listens on port 4000', () => {
  expect(read({})).toEqual({
    dataDir: `${ROOT}.data`,
    port: 4000,
    databaseUrl: undefined,
    logLevel: 'info',
    reset: false,
    dev: false,
    inspect: false,
    passedThrough: {},
  });
});

test('npm run dev restarts what changes, and opens inspectors on request', () => {
  expect(read({}, { dev: true, inspect: true })).toMatchObject({ dev: true, inspect: true });
});

test('the other ports follow from the gateway’s', () => {
  expect(portsFrom(4000)).toEqual({
    gateway: { http: 4000, ops: 4100 },
    users: { http: 4001, ops: 4101 },
    products: { http: 4002, ops: 4102 },
    orders: { http: 4003, ops: 4103 },
  });
  expect(portFormula('orders', 'ops')).toBe('PORT + 103');
});

const NO_DATABASES = { users: '', products: '', orders: '' };

describe('settings of the services', () => {
  test('are passed to the services, and no other variable is', () => {
    const given = {
      REDIS_URL: 'redis://r',
      RATE_LIMITS: 'off',
      CATALOG_WRITERS: 'staff',
      MAX_COST: '9',
      EXPLORER: 'off',
      INTROSPECTION: 'off',
      TRUSTED_PROXIES: '1',
      ARGON2_QUEUE: '7',
      OTEL_TRACES_SAMPLER: 'always_off',
    };
    expect(read({ ...given, AWS_SECRET: 'x', LOG_LEVEL: 'warn', EMPTY: '' }).passedThrough).toEqual(given);
  });

  test('reach every service unchanged or are refused; none is dropped', () => {
    for (const name of known.checks.keys()) {
      if (known.decided.has(name)) continue;
      const settings = {
        ports: portsFrom(4000),
        databaseUrls: NO_DATABASES,
        secrets: NO_SECRETS,
        mailOutboxDir: '',
        logLevel: 'info',
        passedThrough: { [name]: 'as given' },
      };
      for (const process of PROCESSES) expect(environmentOf(process, settings)[name]).toBe('as given');
    }
    expect(errorsOf({ SERVICE_KEY: 'x'.repeat(43), JWKS_URL: 'http://x', OPS_PORT: '1' })).toBe(
      'SERVICE_KEY is decided by npm start; unset it; JWKS_URL is decided by npm start; unset it; ' +
        'OPS_PORT is decided by npm start; unset it',
    );
  });

  test('make the products service cache in REDIS_URL, unless CACHE_REDIS_URL is set', () => {
    const redisOf = (passedThrough: Record<string, string>) => {
      const { ports, databaseUrls } = { ports: portsFrom(4000), databaseUrls: NO_DATABASES };
      const settings = {
        ports,
        databaseUrls,
        secrets: NO_SECRETS,
        mailOutboxDir: '',
        logLevel: 'info',
        passedThrough,
      };
      return PROCESSES.map((name) => environmentOf(name, settings)['CACHE_REDIS_URL']);
    };
    expect(redisOf({})).toEqual([undefined, undefined, undefined, undefined]);
    expect(redisOf({ REDIS_URL: 'redis://r' })[1]).toBe('redis://r');
    expect(redisOf({ REDIS_URL: 'redis://r', CACHE_REDIS_URL: 'redis://c' })[1]).toBe('redis://c');
  });

  test('are checked before the first process starts', () => {
    expect(errorsOf({ EXPLORER: 'yes', RATE_LIMITS: 'logn=1/1m', REDIS_URL: 'localhost:6379' })).toMatch(
      /^EXPLORER: .*"on"\|"off".*; RATE_LIMITS: there is no limit "logn".*; REDIS_URL: expected a URL such as redis:/,
    );
  });
});

describe('an unknown name', () => {
  test('is refused when it may be a misspelt setting, or has a prefix of our settings', () => {
    const cases = {
      RATE_LIMIT: 'RATE_LIMITS',
      rate_limits: 'RATE_LIMITS',
      CATALOGUE_WRITERS: 'CATALOG_WRITERS',
      TRUSTED_PROXY: 'TRUSTED_PROXIES',
      CORS_ORIGIN: 'CORS_ORIGINS',
      INTROSPECTOIN: 'INTROSPECTION',
      EXPLORE: 'EXPLORER',
      REDIS_URI: 'REDIS_URL',
      DATADIR: 'DATA_DIR',
      OTEL_EXPORTER_OTLP_ENDPONT: 'OTEL_EXPORTER_OTLP_ENDPOINT',
      RATE_LIMIT_LOGIN: 'RATE_LIMITS',
      HOLDFAST_PORT: expect.any(String),
    };
    for (const [name, meant] of Object.entries(cases)) {
      const [, said] =
        /^\S+ is not a setting; did you mean (\S+)\? Unset it/.exec(errorsOf({ [name]: '1' })) ?? [];
      expect([name, said]).toEqual([name, meant]);
    }
  });

  test('is ignored otherwise', () => {
    const others = `PATH HOME HOST_OS HOSTNAME SHELL SHLVL USER LOGNAME LANG LC_ALL TERM TERM_PROGRAM PWD OLDPWD EDITOR VISUAL
      PAGER LESS MAIL TZ TMPDIR DISPLAY WAYLAND_DISPLAY XDG_RUNTIME_DIR XDG_DATA_DIRS SSH_AUTH_SOCK SESSION_MANAGER GROUP
      DESKTOP_SESSION COLORTERM COLUMNS LINES LS_COLORS MANPATH HISTSIZE PS1 VENDOR MACHTYPE OSTYPE CI DEBUG NO_COLOR
      FORCE_COLOR NVM_DIR NODE_ENV NODE_OPTIONS NODE_EXTRA_CA_CERTS npm_config_port npm_package_name INIT_CWD PGHOST PGPORT
      PGDATA PGDATABASE GITHUB_TOKEN GITHUB_REF CODESPACES KUBERNETES_PORT KUBERNETES_SERVICE_HOST REDIS_PORT
      REDIS_SERVICE_HOST REDIS_PORT_6379_TCP POSTGRES_PASSWORD DOCKER_HOST JAVA_HOME GOPATH VIRTUAL_ENV PYTHONPATH
      http_proxy HTTPS_PROXY NO_PROXY SSL_CERT_FILE JEST_WORKER_ID HOLDFAST_TEST_SERVER VERSION OPTIONS SUPPORT`;
    const env = Object.fromEntries(others.split(/\s+/).map((name) => [name, 'x']));
    expect(errorsOf({ ...env, HOST: hostname() })).toBe('');
    expect(read(env).passedThrough).toEqual({});
  });

  test('has a distance from a setting: the letters to insert, delete, replace or swap', () => {
    expect(computeEditDistance('', 'PORT')).toBe(4);
    expect(computeEditDistance('PORT', 'PORT')).toBe(0);
    expect(computeEditDistance('PROT', 'PORT')).toBe(1);
    expect(computeEditDistance('MAX_COSTS', 'MAX_COST')).toBe(1);
    expect(computeEditDistance('PATH', 'PORT')).toBe(3);
  });
});

test('all errors are reported together', () => {
  const env = { PORT: '70000', DATABASE_URL: 'mysql://x', LOG_LEVEL: 'loud', HOST: '0.0.0.0', MAX_COTS: '1' };
  expect(() => read(env, { reset: true })).toThrow(
    new RegExp(
      [
        'PORT is a number from 1 to 65332; got "70000"',
        'DATABASE_URL is not a PostgreSQL URL \\(postgres://user:password@host:5432/database\\)',
        '--reset deletes the embedded database only; empty the one of DATABASE_URL yourself',
        'LOG_LEVEL: Invalid option: expected one of .*',
        'HOST is decided by npm start; unset it',
        "MAX_COTS is not a setting; did you mean MAX_COST\\? Unset it if it is another program's",
      ].join('; '),
    ),
  );
});
