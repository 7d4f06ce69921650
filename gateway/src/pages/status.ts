// `GET /status`: which services answer the gateway right now, for the page at `/`.

import { ALIVE_PATH } from '@holdfast/platform/graphql/protocol';
import type { Reply } from '@holdfast/platform/http/server';
import { request } from 'undici';

export interface Status {
  answer(): Promise<Reply>;
}

const PROBE_TIMEOUT_MS = 1_500;
/** The gateway calls each service at most once in this time, ms. */
const FRESH_MS = 2_000;

async function isAlive(url: string): Promise<boolean> {
  try {
    // Use a new connection: an idle one could be closed just when it is used, and the service would seem to be down.
    const { statusCode, body } = await request(new URL(ALIVE_PATH, url), {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
      reset: true,
    });
    await body.dump();
    return statusCode === 204;
  } catch {
    // The public does not see why a service does not answer.
    return false;
  }
}

async function probeServices(services: ReadonlyMap<string, string>): Promise<string> {
  const states = await Promise.all(
    [...services].map(async ([name, url]) => [name, (await isAlive(url)) ? 'up' : 'down']),
  );
  return JSON.stringify({ services: { gateway: 'up', ...Object.fromEntries(states) } });
}

/** @param services by name, the URL of each */
export function createStatus(services: ReadonlyMap<string, string>): Status {
  let latest = Promise.resolve('');
  let freshUntil = 0;
  return {
    answer: async () => {
      if (Date.now() >= freshUntil) {
        freshUntil = Date.now() + FRESH_MS;
        latest = probeServices(services);
      }
      return {
        status: 200,
        headers: { 'content-type': 'application/json', 'cache-control': 'no-cache' },
        body: await latest,
      };
    },
  };
}
