// Starts the whole system on this machine: database, migrations, seed data and the four processes. `npm start` and the tests of
// test/ use it.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Service, serviceUrl } from '@holdfast/database';
import { migrate } from '@holdfast/database/migrate';
import { refuseFullDisk } from '../postgres/disk-space.ts';
import type { EmbeddedPostgres } from '../postgres/server.ts';
import { findFreePort } from '../processes/ports.ts';
import { seed } from '../seed/seed.ts';
import { hasRolePasswords, openSecrets } from '../settings/secrets.ts';
import {
  allPorts,
  entryOf,
  environmentOf,
  httpUrl,
  opsUrl,
  type Ports,
  PROCESSES,
  type ProcessName,
  type ServiceSecrets,
  type ServiceSettings,
} from '../settings/services.ts';
import {
  type DatabaseServer,
  openDatabaseServer,
  refuseToTakeRolesOver,
  waitForServer,
} from './database-server.ts';
import type { EventLog } from './event-log.ts';
import { createService, GRACE_MS, type ServiceDefinition, type ServiceProcess } from './service-process.ts';

export type StackOptions = {
  /** The folder of the embedded cluster and the secrets; created when missing. */
  dataDir: string;
  ports: Ports;
  log: EventLog;
  /** An administrator's URL of a database. Without it, the database is embedded in `dataDir`. */
  databaseUrl?: string | undefined;
  /** Start processes again when they die. False for tests that kill and restart processes themselves. */
  supervised: boolean;
  /** False: the caller starts the services. */
  started?: boolean;
  /** Options of Node for a process. */
  nodeArgs?: (name: ProcessName) => readonly string[];
  /** Load the demo data into an empty database. */
  seeded: boolean;
  logLevel?: string;
  /** Extra environment of every process, such as REDIS_URL. */
  passedThrough?: Record<string, string>;
  /** Extra environment of one process. */
  environment?: Partial<Record<ProcessName, Record<string, string>>>;
  /** False turns fsync off in the embedded server. */
  durable?: boolean;
  /** Runs the `work` of a step that may take long, for example to show its name. Default: runs `work` only. */
  step?: <Result>(name: string, work: () => Promise<Result>) => Promise<Result>;
  /** When it is aborted during the start, the start stops all it has started and throws. */
  signal?: AbortSignal;
};

/** One more process of a service, with the settings of the first process and its own ports. */
export type Instance = { url: string; opsUrl: string; service: ServiceProcess };

/** The differences of one more process from the first. */
export type InstanceOptions = {
  /** Overrides the environment of the first process. */
  environment?: Record<string, string>;
  /** Default: two free ports. */
  ports?: Ports[ProcessName];
  /** Another program than that of the first process, such as the next version of the service. */
  entry?: string;
};

export type Stack = {
  /** The URL of each process, without a path. */
  urls: Record<ProcessName, string>;
  opsUrls: Record<ProcessName, string>;
  services: Record<ProcessName, ServiceProcess>;
  database: { adminUrl: string; urls: Record<Service, string>; embedded: EmbeddedPostgres | undefined };
  secrets: ServiceSecrets;
  /** Starts one more process of that name and waits until it is ready. The other processes do not know its URL. */
  another(name: ProcessName, own?: InstanceOptions): Promise<Instance>;
  /** Sends SIGTERM to every process, and SIGKILL after `graceMs` (default 25 s). Stops the database last. */
  stop(graceMs?: number): Promise<void>;
};

/** Finds eight free ports. */
export async function findFreePorts(): Promise<Ports> {
  const taken = new Set<number>();
  const another = async () => {
    const port = await findFreePort(taken);
    taken.add(port);
    return port;
  };
  const pair = async () => ({ http: await another(), ops: await another() });
  return { users: await pair(), products: await pair(), orders: await pair(), gateway: await pair() };
}

/** Starts the system and waits until it is ready. When a part fails, stops all other parts and throws with one line. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const plain: NonNullable<StackOptions['step']> = (_name, work) => work();
  const namedStep = options.step ?? plain;
  const { signal } = options;
  signal?.throwIfAborted();
  await mkdir(options.dataDir, { recursive: true });
  const isNew = !(await hasRolePasswords(options.dataDir));
  if (options.databaseUrl !== undefined) {
    await waitForServer(options.databaseUrl, options.log, signal);
    if (isNew) await refuseToTakeRolesOver(options.databaseUrl, options.dataDir);
  }
  const { rolePasswords, ...secrets } = await openSecrets(options.dataDir);
  const server = await namedStep('starting PostgreSQL', () =>
    openDatabaseServer({ ...options, databaseUrl: options.databaseUrl, takenPorts: allPorts(options.ports) }),
  );
  // A step that is interrupted here ends when its database server stops.
  const step: typeof plain = (name, work) => namedStep(name, () => unlessAborted(signal, work));
  const services: ServiceProcess[] = [];
  try {
    const { adminUrl } = server;
    await step('migrating', () =>
      migrate({ adminUrl, rolePasswords, log: (line) => options.log.event('info', line) }),
    );
    const urlOf = (service: Service) => serviceUrl(adminUrl, service, rolePasswords[service]);
    const urls = { users: urlOf('users'), products: urlOf('products'), orders: urlOf('orders') };
    if (options.seeded) await step('loading demo data', () => seed(urls));
    const made = { server, urls, secrets, services };
    // All services are added before the first one starts, so that a failure stops all of them.
    for (const name of PROCESSES) addService(definitionOf(name, options, made), options, made);
    if (options.started !== false)
      await step('starting the services', () => Promise.all(services.map((service) => service.start())));
    // The migrations and the seed may have filled the disk.
    if (server.embedded !== undefined) await refuseFullDisk(server.embedded.folder);
    return createHandles(options, made);
  } catch (error) {
    await stopAll(services, server, GRACE_MS);
    throw error;
  }
}

/** The parts of a stack. */
type Made = {
  server: DatabaseServer;
  urls: Record<Service, string>;
  secrets: ServiceSecrets;
  /** All processes, in the order of their start. */
  services: ServiceProcess[];
};

/** The result of `work`. Rejects at once when `signal` is aborted. */
async function unlessAborted<Result>(
  signal: AbortSignal | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  if (signal === undefined) return work();
  signal.throwIfAborted();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([work(), aborted]);
}

function addService(definition: ServiceDefinition, { log, supervised }: StackOptions, { services }: Made) {
  const service = createService(definition, { log, supervised });
  services.push(service);
  return service;
}

function definitionOf(name: ProcessName, options: StackOptions, made: Made): ServiceDefinition {
  const settings: ServiceSettings = {
    ports: options.ports,
    databaseUrls: made.urls,
    secrets: made.secrets,
    mailOutboxDir: join(options.dataDir, 'outbox'),
    logLevel: options.logLevel ?? 'info',
    passedThrough: options.passedThrough ?? {},
  };
  return {
    name,
    entry: entryOf(name),
    env: { ...environmentOf(name, settings), ...options.environment?.[name] },
    nodeArgs: options.nodeArgs?.(name) ?? [],
    readyUrl: `${opsUrl(options.ports, name)}/readyz`,
  };
}

async function startAnother(
  name: ProcessName,
  own: InstanceOptions,
  options: StackOptions,
  made: Made,
): Promise<Instance> {
  const ports = {
    ...options.ports,
    [name]: own.ports ?? { http: await findFreePort(), ops: await findFreePort() },
  };
  const definition = definitionOf(name, { ...options, ports }, made);
  const env = { ...definition.env, ...own.environment };
  const service = addService({ ...definition, env, entry: own.entry ?? definition.entry }, options, made);
  await service.start();
  return { url: httpUrl(ports, name), opsUrl: opsUrl(ports, name), service };
}

function createHandles(options: StackOptions, made: Made): Stack {
  const { ports } = options;
  const { server, urls, secrets, services } = made;
  const named = (name: ProcessName): ServiceProcess => {
    const service = services.find((each) => each.name === name);
    if (service === undefined) throw new Error(`${name} was not started`);
    return service;
  };
  return {
    urls: mapProcesses((name) => httpUrl(ports, name)),
    opsUrls: mapProcesses((name) => opsUrl(ports, name)),
    services: mapProcesses(named),
    database: { adminUrl: server.adminUrl, urls, embedded: server.embedded },
    secrets,
    another: (name, own = {}) => startAnother(name, own, options, made),
    stop: (graceMs = GRACE_MS) => stopAll(services, server, graceMs),
  };
}

function mapProcesses<Value>(value: (name: ProcessName) => Value): Record<ProcessName, Value> {
  return {
    users: value('users'),
    products: value('products'),
    orders: value('orders'),
    gateway: value('gateway'),
  };
}

async function stopAll(services: ServiceProcess[], server: DatabaseServer, graceMs: number): Promise<void> {
  // The gateway stops first, because the requests that it still serves need the other services.
  const isGateway = ({ name }: ServiceProcess) => name === 'gateway';
  await Promise.all(services.filter(isGateway).map((service) => service.stop(graceMs)));
  await Promise.all(
    services.filter((service) => !isGateway(service)).map((service) => service.stop(graceMs)),
  );
  await server.stop();
}
