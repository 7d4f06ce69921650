// The supervision of one service, tested with a tiny program.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createBackoff } from '../processes/backoff.ts';
import { findFreePort } from '../processes/ports.ts';
import { isRunning, waitUntilGone } from '../processes/processes.js';
import { createEventLog } from './event-log.ts';
import {
  createService,
  type ServiceDefinition,
  type ServiceOptions,
  type ServiceProcess,
} from './service-process.ts';

const PROGRAM = `
import { createServer } from 'node:http';
const { PORT, BEHAVIOUR } = process.env;
if (BEHAVIOUR === 'broken') {
  console.log(JSON.stringify({ level: 'fatal', msg: 'DATABASE_URL: is required' }));
  process.exit(1);
}
if (BEHAVIOUR === 'throws') throw new TypeError('that went wrong');
createServer((_, reply) => reply.end('ok')).listen(Number(PORT), '127.0.0.1');
if (BEHAVIOUR !== 'deaf') process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => BEHAVIOUR === 'stubborn' || process.exit(0));
console.log(JSON.stringify({ level: 'info', msg: 'up', environment: Object.keys(process.env) }));
`;

let folder: string;
let lines: string[];
let service: ServiceProcess | undefined;
let definition: ServiceDefinition;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-service-'));
  lines = [];
});

afterEach(async () => {
  await service?.stop(1_000);
  service = undefined;
  await rm(folder, { recursive: true });
});

async function create(behaviour: string, options: Partial<ServiceOptions> = {}): Promise<ServiceProcess> {
  const entry = join(folder, 'main.mjs');
  await writeFile(entry, PROGRAM);
  const port = await findFreePort();
  const log = createEventLog((line) => lines.push(line));
  definition = {
    name: 'tiny',
    entry,
    env: { PORT: String(port), BEHAVIOUR: behaviour },
    readyUrl: `http://127.0.0.1:${port}/readyz`,
  };
  service = createService(definition, {
    log,
    supervised: false,
    backoff: createBackoff({ firstMs: 20 }),
    ...options,
  });
  return service;
}

async function pidOtherThan(pid: number | undefined): Promise<number> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (service?.pid !== undefined && service.pid !== pid) return service.pid;
    await sleep(10);
  }
  throw new Error('it was not started again');
}

test('start() resolves when the service is ready, and the service has only its own environment', async () => {
  const tiny = await create('good');
  await tiny.start();
  expect(await isRunning(tiny.pid ?? 0)).toBe(true);
  const { environment } = JSON.parse(lines[0] ?? '{}');
  expect(environment.filter((name: string) => !/^NODE_(CHANNEL|UNIQUE)/.test(name)).sort()).toEqual([
    'BEHAVIOUR',
    'PORT',
  ]);
});

test.each([
  ['broken', 'tiny ended before it was ready: DATABASE_URL: is required'],
  ['throws', 'tiny ended before it was ready: TypeError: that went wrong'],
])('a service that is %s makes the start fail with its reason', async (behaviour, message) => {
  await expect((await create(behaviour)).start()).rejects.toThrow(message);
});

test('a supervised service that is killed is started again, and the log says why', async () => {
  const tiny = await create('good', { supervised: true });
  await tiny.start();
  const first = tiny.pid;
  await tiny.kill();
  await pidOtherThan(first);
  await tiny.ready();
  const event = lines.map((line) => JSON.parse(line)).find(({ service: source }) => source === 'supervisor');
  expect(event).toMatchObject({
    level: 'error',
    process: 'tiny',
    signal: 'SIGKILL',
    pauseMs: 20,
    msg: 'tiny ended (SIGKILL) and is started again in 20 ms',
  });
});

test('an unsupervised service stays dead until restart()', async () => {
  const tiny = await create('good');
  await tiny.start();
  const first = tiny.pid;
  await tiny.kill();
  await sleep(100);
  expect(tiny.pid).toBeUndefined();
  await expect(tiny.ready()).rejects.toThrow('tiny does not run');
  await tiny.restart();
  expect(tiny.pid).not.toBe(first);
});

test('of several concurrent restarts and stops the last one decides, and at most one process is left', async () => {
  const tiny = await create('good', { supervised: true });
  await tiny.start();
  const overtaken = tiny.restart();
  const last = tiny.restart();
  await expect(overtaken).rejects.toThrow('tiny was stopped or restarted while it ended');
  await last;
  const pid = tiny.pid ?? 0;
  const stopped = tiny.restart();
  await tiny.stop(1_000);
  await expect(stopped).rejects.toThrow('tiny was stopped or restarted while it ended');
  expect([tiny.pid, await isRunning(pid)]).toEqual([undefined, false]);
});

test('a restart kills a service that does not end in time', async () => {
  const tiny = await create('stubborn');
  await tiny.start();
  const pid = tiny.pid ?? 0;
  await tiny.restart({ graceMs: 100 });
  expect([await isRunning(pid), await isRunning(tiny.pid ?? 0)]).toEqual([false, true]);
});

test('a supervised service that does not get ready after a restart is not started again by itself', async () => {
  const tiny = await create('good', { supervised: true });
  await tiny.start();
  await writeFile(definition.entry, 'const broken = ;');
  await expect(tiny.restart()).rejects.toThrow('tiny ended before it was ready: SyntaxError: ');
  await sleep(100);
  expect(tiny.pid).toBeUndefined();
});

test('stop() sends SIGTERM and waits, and kills a service that does not end', async () => {
  const tiny = await create('stubborn');
  await tiny.start();
  const pid = tiny.pid ?? 0;
  await tiny.stop(100);
  expect(await isRunning(pid)).toBe(false);
});

test('a supervised service that is stopped stays stopped, even while it waits to be started again', async () => {
  const tiny = await create('good', { supervised: true, backoff: createBackoff({ firstMs: 300 }) });
  await tiny.start();
  await tiny.kill();
  await tiny.stop(1_000);
  await sleep(400);
  expect(tiny.pid).toBeUndefined();
});

test.each(['good', 'deaf', 'slow'])(
  'when its supervisor is killed, a service that is %s ends too',
  async (behaviour) => {
    const tiny = await create(behaviour);
    const supervisor = join(folder, 'supervisor.mjs');
    const module = new URL('./service-process.ts', import.meta.url).href;
    await writeFile(
      supervisor,
      `import { createService } from ${JSON.stringify(module)};
       const log = { event() {}, line() {} };
       const service = createService(${JSON.stringify(definition)}, { log, supervised: false });
       service.start().catch(() => undefined);
       setTimeout(() => process.send(service.pid), ${behaviour === 'slow' ? 0 : 400});`,
    );
    expect(tiny.pid).toBeUndefined();
    const process = fork(supervisor, [], { execArgv: [] });
    const [pid] = await once(process, 'message');
    process.kill('SIGKILL');
    expect(await waitUntilGone([pid], 50_000)).toBe(true);
  },
);

test('the pause doubles up to the longest, and is short again after a steady run', () => {
  let now = 0;
  const backoff = createBackoff({ firstMs: 100, longestMs: 350, steadyMs: 1_000, now: () => now });
  const dieAfter = (ms: number) => {
    backoff.started();
    now += ms;
    return backoff.next();
  };
  expect([dieAfter(1), dieAfter(1), dieAfter(1), dieAfter(999), dieAfter(1_000), dieAfter(1)]).toEqual([
    100, 200, 350, 350, 100, 200,
  ]);
});
