import { describe, expect, it } from '@jest/globals';
import { commonSettings } from './lifecycle/settings.ts';
import { databaseSettings } from './postgres/settings.ts';
import { ConfigError, readSettings } from './settings.ts';

const shape = { ...commonSettings, ...databaseSettings };

describe('readSettings', () => {
  it('reads, applies defaults and freezes', () => {
    const settings = readSettings(shape, {
      PORT: '4001',
      OPS_PORT: '4101',
      DATABASE_URL: 'postgres://u:p@h/d',
      HOST: '',
    });
    expect(settings).toMatchObject({ PORT: 4001, HOST: '0.0.0.0', DATABASE_POOL_MAX: 10, LOG_LEVEL: 'info' });
    expect(Object.isFrozen(settings)).toBe(true);
  });

  it('names every error at once and shows no value', () => {
    const read = () =>
      readSettings(shape, { PORT: 'http', DATABASE_URL: 'mysql://secret', LOG_LEVEL: 'loud' });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(/PORT: .*\n.*OPS_PORT: is required.*\n.*LOG_LEVEL: .*\n.*DATABASE_URL: /);
    expect(read).not.toThrow(/secret/);
  });
});
