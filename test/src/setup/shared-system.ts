// One system for all suites of a run that need no special settings. It runs in Jest's own process, which starts it when the first
// suite requests it, by HTTP, because suites run in processes of their own.
import { appendFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ProcessName } from '@holdfast/local/settings/services';
import type { SystemFacts } from '../support/running-system.ts';
import type { System, SystemOptions } from '../support/system.ts';

const VARIABLE = 'HOLDFAST_TEST_SYSTEM';

export interface SharedSystemFacts extends SystemFacts {
  readonly pids: Record<ProcessName, number | undefined>;
  /** Grows by whole lines. */
  readonly logFile: string;
}

type SharedSystem = SystemFacts & Pick<System, 'pid' | 'logs' | 'stop'>;
type StartSystem = (options: SystemOptions) => Promise<SharedSystem>;

interface Started {
  readonly system: SharedSystem;
  readonly facts: SharedSystemFacts;
}

let startSystem: StartSystem = async (options) => {
  // Imported late, because most runs of a few tests need no system.
  const module = await import('../support/system.ts');
  return module.startSystem(options);
};
let started: Promise<Started> | undefined;
/** The secrets of the suites that have left. */
const secrets = new Set<string>();
const server = createServer(async (request, response) => {
  try {
    if (request.method === 'POST') {
      for (const secret of JSON.parse(await text(request))) secrets.add(secret);
      return response.end();
    }
    started ??= start();
    response.end(JSON.stringify((await started).facts));
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
});
/** The next run removes the folder when this run is killed. */
const LOG_FOLDER = join(tmpdir(), `holdfast-test-${process.pid}-log-${crypto.randomUUID()}`);

/** Before a run: gives the test processes the URL of the shared system's facts. */
export async function offerSharedSystem(start = startSystem): Promise<void> {
  startSystem = start;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  process.env[VARIABLE] = `http://127.0.0.1:${port}`;
}

/** After a run. Throws when a secret stands in the log, or the system does not stop. */
export async function withdrawSharedSystem(): Promise<void> {
  server.close();
  try {
    const { system } = (await started) ?? {};
    if (system === undefined) return;
    await system.stop();
    const { refuseBadLog } = await import('../support/running-system.ts');
    // The check runs again for all suites, because a job and the shutdown write lines after the suite has left.
    refuseBadLog(system.logs(), secrets);
  } finally {
    await rm(LOG_FOLDER, { recursive: true, force: true });
  }
}

/** For a suite: the system that it shares with other suites, ready. */
export async function readSharedSystemFacts(): Promise<SharedSystemFacts> {
  return JSON.parse(await send());
}

/** For a suite that leaves: its secrets must not stand in the log when the run ends either. */
export async function handInSecrets(used: Iterable<string>): Promise<void> {
  await send({ method: 'POST', body: JSON.stringify([...used]) });
}

async function send(call: RequestInit = {}): Promise<string> {
  const url = process.env[VARIABLE];
  if (url === undefined) throw new Error('no shared system: run the tests with `npm test`');
  const reply = await fetch(url, call);
  const answer = await reply.text();
  if (reply.status !== 200) throw new Error(`the shared system did not start: ${answer}`);
  return answer;
}

async function start(): Promise<Started> {
  await mkdir(LOG_FOLDER);
  const logFile = join(LOG_FOLDER, 'system.log');
  const onLogLine = (line: string) => appendFileSync(logFile, `${line}\n`);
  // Idempotency keys that a suite makes old are swept soon.
  const system = await startSystem({ onLogLine, env: { IDEMPOTENCY_SWEEP_MS: '1000' } });
  const pids = {
    gateway: system.pid('gateway'),
    users: system.pid('users'),
    products: system.pid('products'),
    orders: system.pid('orders'),
  };
  const { urls, opsUrls, adminUrl, signingKey, issuer, audience, serviceKeys } = system;
  return {
    system,
    facts: { urls, opsUrls, adminUrl, signingKey, issuer, audience, serviceKeys, pids, logFile },
  };
}
