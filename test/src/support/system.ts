// Starts the whole system for a test: four processes on their own ports, with their own database.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type EmbeddedPostgres, removePostgres } from '@holdfast/local/postgres/server';
import type { Ports, ProcessName } from '@holdfast/local/settings/services';
import { createEventLog } from '@holdfast/local/stack/event-log';
import { findFreePorts, type InstanceOptions, type Stack, startStack } from '@holdfast/local/stack/stack';
import { createTestDatabase, testServer } from '../setup/database.ts';
import { secretsUsed } from './client.ts';
import { describeSystem, type Instance, type RunningSystem, refuseBadLog } from './running-system.ts';

export interface SystemOptions {
  /** Gives the system its own PostgreSQL server with fsync, which the test may kill. Otherwise it gets a database on the server of the run. */
  readonly ownPostgres?: boolean;
  /** Extra settings of every service. Limits are off unless they are set here. */
  readonly env?: Record<string, string>;
  /** Extra settings of one service. */
  readonly environment?: Partial<Record<ProcessName, Record<string, string>>>;
  /** Without them, the system gets free ports. */
  readonly ports?: Ports;
  /** Adds the demo accounts and the demo catalog. */
  readonly seeded?: boolean;
  /** Receives each line of the log. */
  readonly onLogLine?: (line: string) => void;
}

/** One more process of a service, which the suite may damage. */
export interface AnotherInstance extends Instance {
  /** Sends SIGKILL. The process stays dead until `restart`. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** A system that one suite has alone, and that the suite may damage. */
export interface System extends RunningSystem {
  readonly signingKeysFile: string;
  readonly databasePasswords: readonly string[];
  /** The URL of each service, with its own role. */
  readonly databaseUrls: Stack['database']['urls'];
  /** Sends SIGKILL. The service stays dead until `restart`. */
  kill(service: ProcessName): Promise<void>;
  /** Starts the service and waits until it is ready. */
  restart(service: ProcessName): Promise<void>;
  /** Sends SIGTERM. Resolves when the service has ended. */
  terminate(service: ProcessName): Promise<void>;
  another(
    service: ProcessName,
    env?: Record<string, string>,
    own?: Omit<InstanceOptions, 'environment'>,
  ): Promise<AnotherInstance>;
  killPostgres(): Promise<void>;
  restartPostgres(): Promise<void>;
  /** Ends all processes. @throws when the log contains a secret that a test used, or a very long line */
  stop(): Promise<void>;
}

const GRACE_MS = 25_000;
const ISSUER = 'holdfast-test';
const AUDIENCE = 'holdfast-test-clients';

/** Starts the system and waits until it is ready. */
export async function startSystem({
  ownPostgres = false,
  env = {},
  environment = {},
  ports,
  seeded = false,
  onLogLine = () => undefined,
}: SystemOptions = {}): Promise<System> {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-system-'));
  const database = ownPostgres ? undefined : await createTestDatabase();
  // Roles belong to the whole server, so systems that share a server must have the same passwords.
  if (database)
    await writeFile(join(dataDir, 'role-passwords.json'), JSON.stringify(testServer().rolePasswords));
  const lines: string[] = [];
  const stack = await startStack({
    dataDir,
    ports: ports ?? (await findFreePorts()),
    log: createEventLog((line) => {
      lines.push(line);
      onLogLine(line);
    }),
    databaseUrl: database?.adminUrl,
    supervised: false,
    seeded,
    passedThrough: { JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, RATE_LIMITS: 'off', ...env },
    environment,
  });
  const { serviceKeys, sessionSecret, signingKeysFile } = stack.secrets;
  for (const secret of [...Object.values(serviceKeys), sessionSecret]) secretsUsed.add(secret);
  const { keys } = JSON.parse(await readFile(signingKeysFile, 'utf8'));
  const passwords = JSON.parse(await readFile(join(dataDir, 'role-passwords.json'), 'utf8'));

  const facts = {
    urls: stack.urls,
    opsUrls: stack.opsUrls,
    adminUrl: stack.database.adminUrl,
    signingKey: keys[0],
    issuer: ISSUER,
    audience: AUDIENCE,
    serviceKeys,
  };
  return {
    ...describeSystem(facts),
    signingKeysFile,
    databasePasswords: Object.values(passwords),
    databaseUrls: stack.database.urls,
    pid: (service) => stack.services[service].pid,
    logs: () => lines,
    kill: (service) => stack.services[service].kill(),
    restart: (service) => stack.services[service].restart(),
    terminate: (service) => stack.services[service].stop(GRACE_MS),
    another: (service, extra, own) =>
      another(stack, service, { ...own, ...(extra && { environment: extra }) }),
    killPostgres: () => embedded(stack).kill(),
    restartPostgres: () => embedded(stack).restart(),
    stop: async () => {
      await stack.stop();
      if (database) await database.release();
      else await removePostgres(join(dataDir, 'postgres'));
      await rm(dataDir, { recursive: true, force: true });
      // To read the log of a failed test: TEST_LOG_DIR=/tmp npm test -- crash
      const logDir = process.env['TEST_LOG_DIR'];
      if (logDir) await writeFile(join(logDir, `${basename(dataDir)}.log`), lines.join('\n'));
      refuseBadLog(lines);
    },
  };
}

async function another(stack: Stack, name: ProcessName, own: InstanceOptions): Promise<AnotherInstance> {
  const { url, opsUrl, service } = await stack.another(name, own);
  return {
    url,
    opsUrl: (path) => opsUrl + path,
    pid: () => service.pid,
    kill: () => service.kill(),
    restart: () => service.restart(),
    stop: () => service.stop(GRACE_MS),
  };
}

function embedded({ database }: Stack): EmbeddedPostgres {
  if (!database.embedded) throw new Error('this system shares its PostgreSQL: start it with `ownPostgres`');
  return database.embedded;
}
