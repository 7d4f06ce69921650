// What `npm start` accepts, and how it says no.
import { expect, test } from '@jest/globals';
import { portFormula, portsFrom } from './services.js';
import { ROOT, readLocalSettings } from './settings.js';

test('without anything: an embedded database in .data, the gateway at 4000', () => {
  expect(readLocalSettings([], {})).toEqual({
    dataDir: `${ROOT}.data`,
    port: 4000,
    databaseUrl: undefined,
    logLevel: 'info',
    reset: false,
    passedThrough: {},
  });
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

test('settings of the services are handed on, and nothing else', () => {
  const env = {
    REDIS_URL: 'redis://r',
    RATE_LIMITS: 'off',
    CATALOG_WRITERS: 'staff',
    MAX_COST: '9',
    AWS_SECRET: 'x',
  };
  expect(readLocalSettings([], env).passedThrough).toEqual({
    REDIS_URL: 'redis://r',
    RATE_LIMITS: 'off',
    CATALOG_WRITERS: 'staff',
    MAX_COST: '9',
  });
});

test('all faults are reported together', () => {
  const env = { PORT: '70000', DATABASE_URL: 'mysql://x', REDIS_URL: 'localhost:6379' };
  expect(() => readLocalSettings(['--reset', '--fast'], env)).toThrow(
    'unknown argument --fast (there is only --reset); ' +
      'PORT is a number from 1 to 65432; got "70000"; ' +
      'DATABASE_URL is no PostgreSQL URL (postgres://user:password@host:5432/database); ' +
      'REDIS_URL is no Redis URL (redis://user:password@host:6379); ' +
      '--reset deletes the embedded database only; empty the one of DATABASE_URL yourself',
  );
});
