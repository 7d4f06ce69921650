// The life of a service process: settings, start, readiness, drain, end. Each `main.ts` is one call of this.
import { format } from 'node:util';
import { countRefusedConnection, observeRequest } from '../http/metrics.ts';
import { createHttpServer, type HttpServerOptions } from '../http/server.ts';
import { traceHandler } from '../http/trace-handler.ts';
import { createLogger, endProcess, type Logger } from '../observability/log.ts';
import { announceBuild } from '../observability/metrics.ts';
import { startTracing, type TracingSettings } from '../observability/tracing.ts';
import { ConfigError } from '../settings.ts';
import { limitTime } from '../time-limit.ts';
import { createOpsServer, type ReadinessCheck } from './ops-server.ts';

/** The settings that the life cycle itself uses. */
interface LifecycleSettings extends TracingSettings {
  readonly PORT: number;
  readonly OPS_PORT: number;
  readonly HOST: string;
  readonly LOG_LEVEL: string;
  readonly DRAIN_DELAY_MS: number;
  readonly REVISION: string;
}

/** The parts of a started service that the life cycle uses. */
export interface RunningService
  extends Pick<HttpServerOptions, 'routes' | 'handler' | 'onError' | 'addressOf'> {
  readonly checks: Readonly<Record<string, ReadinessCheck>>;
  /** Called after the reply to the last request: finishes jobs, closes pools. */
  close(): Promise<void>;
}

export interface ServiceDefinition<Settings extends LifecycleSettings> {
  readonly name: string;
  /** The longest that one request may take, ms. */
  readonly timeoutMs: number | ((settings: Settings) => number);
  /** How many bytes of replies may be unread by their clients, in total. */
  readonly maxUnreadBytes?: (settings: Settings) => number;
  /** Whether clients call it directly. The other servers are for services alone. */
  readonly isPublic?: boolean;
  /** How many connections one address may hold; any number when undefined. */
  readonly maxConnectionsPerAddress?: (settings: Settings) => number | undefined;
  readonly readSettings: (env: NodeJS.ProcessEnv) => Settings;
  readonly start: (settings: Settings, log: Logger) => Promise<RunningService>;
}

/** Kubernetes kills a pod 30 s after SIGTERM. Retries repeat unfinished work. */
const END_WITHIN_MS = 25_000;
const FINISH_REQUESTS_MS = 12_000;
/** Between services: a call contains the body of a client's request and more. */
const MAX_CALL_BYTES = 4_000_000;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

async function serve<Settings extends LifecycleSettings>(
  definition: ServiceDefinition<Settings>,
  settings: Settings,
  log: Logger,
): Promise<() => Promise<void>> {
  let draining = false;
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = settings;
  const stopTracing = endpoint ? await startTracing(definition.name, endpoint, settings, log) : undefined;
  announceBuild(definition.name, settings.REVISION);
  const service = await definition.start(settings, log);
  const { routes, handler, onError, addressOf, checks } = service;
  const { timeoutMs, maxUnreadBytes, isPublic = false } = definition;
  const maxPerAddress = definition.maxConnectionsPerAddress?.(settings);
  const http = createHttpServer({
    ...(routes && { routes }),
    handler,
    onError,
    ...(addressOf && { addressOf }),
    around: traceHandler,
    log,
    timeoutMs: typeof timeoutMs === 'number' ? timeoutMs : timeoutMs(settings),
    isPublic,
    ...(!isPublic && { maxBodyBytes: MAX_CALL_BYTES }),
    connectionShare:
      maxPerAddress === undefined ? undefined : { maxPerAddress, onRefused: countRefusedConnection },
    ...(maxUnreadBytes && { maxUnreadBytes: maxUnreadBytes(settings) }),
    observe: observeRequest,
  });
  const ops = createOpsServer({ log, checks, draining: () => draining });
  const port = await http.listen(settings.PORT, settings.HOST);
  const opsPort = await ops.listen(settings.OPS_PORT, settings.HOST);
  log.info({ port, opsPort, pid: process.pid }, 'listening');

  return async () => {
    draining = true;
    // First each reply tells its caller to close the connection, and load balancers learn to send no requests. Then the port closes.
    http.drain();
    await pause(settings.DRAIN_DELAY_MS);
    // Requests end before the worker, because a request that waits for its order needs the worker. A time limit leaves the jobs
    // their time when a client sends its body slowly.
    await limitTime(FINISH_REQUESTS_MS, http.close(), () => undefined);
    await service.close();
    await stopTracing?.();
    await ops.close();
  };
}

/** Runs a service until SIGTERM, SIGINT or the end of the process that started it. */
export async function runService<Settings extends LifecycleSettings>(
  definition: ServiceDefinition<Settings>,
): Promise<void> {
  let log = createLogger(definition.name);
  const fail = (error: unknown): void => {
    if (error instanceof ConfigError) log.fatal(error.message);
    else log.fatal({ err: error }, 'the service ends because of an error');
    void endProcess(1);
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  // During the start there is no work to finish. The handler is set from the first moment on, because the kernel does not deliver
  // a signal without a handler to process 1 of a container: the pod would run on until it is killed.
  let close = async (): Promise<void> => undefined;
  onEnd((reason) => {
    log.info({ reason }, 'draining');
    setTimeout(() => void endProcess(1), END_WITHIN_MS).unref();
    close().then(async () => {
      log.info('ended');
      await endProcess(0);
    }, fail);
  });
  try {
    const settings = definition.readSettings(process.env);
    log = createLogger(definition.name, settings.LOG_LEVEL);
    takeOverConsole(log);
    close = await serve(definition, settings, log);
  } catch (error) {
    fail(error);
  }
}

/** Sends the console output of libraries to the log, so that every line stays a JSON line. */
function takeOverConsole(log: Logger): void {
  const { console } = globalThis;
  const write = (...parts: unknown[]): void => log.warn({ console: true }, format(...parts));
  Object.assign(console, { log: write, info: write, warn: write, error: write, trace: write, debug: write });
}

/** Calls `end` once: at a signal, or when the supervisor that forked this process is gone. */
function onEnd(end: (reason: string) => void): void {
  let ending = false;
  const once = (reason: string) => () => {
    if (ending) return;
    ending = true;
    end(reason);
  };
  process.on('SIGTERM', once('SIGTERM'));
  process.on('SIGINT', once('SIGINT'));
  process.on('disconnect', once('the supervisor is gone'));
}
