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
import type { AnotherInstance, System, SystemOptions } from '../support/system.ts';

const VARIABLE = 'HOLDFAST_TEST_SYSTEM';

export interface SharedSystemFacts extends SystemFacts {
  readonly pids: Record<ProcessName, number | undefined>;
  /** Grows by whole lines. */
  readonly logFile: string;
}

/** A process beside the shared system. */
interface ProcessFacts {
  readonly url: string;
  readonly opsUrl: string;
  readonly pid: number | undefined;
}

type SharedSystem = SystemFacts & Pick<System, 'pid' | 'logs' | 'another' | 'stop'>;
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
/** The processes that suites have started beside the system, by their URL. */
const beside = new Map<string, Pick<AnotherInstance, 'stop'>>();
/** The secrets of the suites that have left. */
const secrets = new Set<string>();
const server = createServer(async (request, response) => {
  try {
    const body = await text(request);
    response.end(JSON.stringify(await answer(request.url ?? '', body)));
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
});

async function answer(path: string, body: string): Promise<unknown> {
  started ??= start();
  const { system, facts } = await started;
  if (path === '/facts') return facts;
  const call = JSON.parse(body);
  if (path === '/secrets') for (const secret of call) secrets.add(secret);
  if (path === '/stop') await beside.get(call.url)?.stop();
  if (path !== '/another') return {};
  const instance = await system.another(call.service, call.env);
  beside.set(instance.url, instance);
  return { url: instance.url, opsUrl: instance.opsUrl(''), pid: instance.pid() } satisfies ProcessFacts;
}

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
export const readSharedSystemFacts = (): Promise<SharedSystemFacts> => send('/facts');

/** For a suite that leaves: its secrets must not stand in the log when the run ends either. */
export const handInSecrets = (used: Iterable<string>): Promise<void> => send('/secrets', [...used]);

/** For a suite: starts a process beside the system. It ends when the suite calls `stopBeside`, or at the end of the run. */
export const startBeside = (service: ProcessName, env: Record<string, string>): Promise<ProcessFacts> =>
  send('/another', { service, env });

export const stopBeside = (url: string): Promise<void> => send('/stop', { url });

async function send<Answer>(path: string, body: unknown = {}): Promise<Answer> {
  const url = process.env[VARIABLE];
  if (url === undefined) throw new Error('no shared system: run the tests with `npm test`');
  const reply = await fetch(url + path, { method: 'POST', body: JSON.stringify(body) });
  const answer = await reply.text();
  if (reply.status !== 200) throw new Error(`the shared system failed: ${answer}`);
  return JSON.parse(answer);
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
