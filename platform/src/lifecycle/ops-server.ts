// The ops port: liveness, readiness and metrics, for operators only.
import {
  ANY_METHOD,
  addRoute,
  createHttpServer,
  HttpError,
  type HttpServer,
  type Reply,
} from '../http/server.ts';
import type { Logger } from '../observability/log.ts';
import { registry } from '../observability/metrics.ts';
import { limitTime } from '../time-limit.ts';

/** Throws, or rejects with, the reason why the service cannot work now. */
export type ReadinessCheck = () => Promise<unknown> | unknown;

export interface OpsServerOptions {
  readonly log: Logger;
  /** By the name of the checked part. */
  readonly checks: Readonly<Record<string, ReadinessCheck>>;
  readonly draining: () => boolean;
}

const CHECK_TIMEOUT_MS = 2_000;

async function findFailures(checks: OpsServerOptions['checks']): Promise<string[]> {
  const outcomes = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      try {
        await limitTime(CHECK_TIMEOUT_MS, check(), () => Promise.reject(new Error('too slow')));
        return [];
      } catch {
        return [name];
      }
    }),
  );
  return outcomes.flat();
}

const json = (status: number, value: unknown): Reply => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(value),
});

/** Serves `/livez` (the process runs), `/readyz` (it can do its work) and `/metrics`. */
export function createOpsServer({ log, checks, draining }: OpsServerOptions): HttpServer {
  async function readiness(): Promise<Reply> {
    if (draining()) return json(503, { status: 'draining' });
    const failing = await findFailures(checks);
    return failing.length === 0
      ? json(200, { status: 'ready' })
      : json(503, { status: 'not ready', failing });
  }

  const paths: Readonly<Record<string, () => Promise<Reply>>> = {
    '/livez': async () => json(200, { status: 'alive' }),
    '/readyz': readiness,
    '/metrics': async () => ({
      status: 200,
      headers: { 'content-type': registry.contentType },
      body: await registry.metrics(),
    }),
  };

  return createHttpServer({
    log: log.child({}, { level: 'warn' }),
    timeoutMs: 10_000,
    routes: (app) => {
      for (const [path, handle] of Object.entries(paths))
        addRoute(app, { methods: ANY_METHOD, path, handle });
    },
    handler: async () => json(404, { status: 'not found' }),
    onError: (error) => {
      if (error instanceof HttpError) return json(error.status, { status: error.message });
      log.error({ err: error }, 'the ops port failed');
      return json(500, { status: 'failed' });
    },
  });
}
