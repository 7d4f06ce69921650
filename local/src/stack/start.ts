// `npm start` and `npm run dev` after the set-up: runs the whole system on this machine until it is stopped. scripts/start.mjs calls
// this and holds the lock of the data directory.
import { relative } from 'node:path';
import { removePostgres } from '../postgres/server.ts';
import { readKnownSettings } from '../settings/known-settings.ts';
import { removeSecrets } from '../settings/secrets.ts';
import {
  inspectorAddress,
  type Ports,
  PROCESSES,
  type ProcessName,
  portsFrom,
} from '../settings/services.ts';
import { type LocalSettings, readLocalSettings, type StartOptions } from '../settings/settings.ts';
import { postgresFolder } from './database-server.ts';
import { type Dev, runForDevelopment } from './dev.ts';
import { createEventLog, createStdoutWriter, type EventLog } from './event-log.ts';
import { checkPorts } from './port-check.ts';
import { type Stack, startStack } from './stack.ts';
import { formatWelcome } from './welcome.ts';

const REPORT_LOADS = new URL('./report-loads.ts', import.meta.url).href;

/**
 * Runs the system until `signal` is aborted. Throws with one line, or with the reason of `signal` when the system was not ready yet.
 * `regenerate` generates the code from the schemas.
 */
export async function start(
  options: StartOptions,
  signal: AbortSignal,
  regenerate: () => Promise<void>,
): Promise<void> {
  const settings = readLocalSettings(options, process.env, await readKnownSettings());
  const ports = portsFrom(settings.port);
  await checkPorts(ports);
  if (settings.reset) await reset(settings);
  await runUntil(signal, settings, ports, regenerate);
}

async function reset({ dataDir }: LocalSettings): Promise<void> {
  await removePostgres(postgresFolder(dataDir), (line) => console.log(`  ${line}`));
  await removeSecrets(dataDir);
  console.log(`  deleted the data in ${relative(process.cwd(), dataDir) || dataDir}`);
}

async function runUntil(
  signal: AbortSignal,
  settings: LocalSettings,
  ports: Ports,
  regenerate: () => Promise<void>,
): Promise<void> {
  const log = createEventLog(createStdoutWriter(), /^(debug|trace)$/.test(settings.logLevel));
  const stack = await startStackOf(settings, ports, log, signal);
  const dev = settings.dev ? runForDevelopment({ services: stack.services, log, regenerate }) : undefined;
  await Promise.race([dev?.started, waitForAbort(signal)]);
  if (!signal.aborted) {
    console.log(formatWelcome(stack, settings));
    log.event('info', 'ready', { pid: process.pid });
  }
  await waitForAbort(signal);
  log.event('info', `${signal.reason instanceof Error ? signal.reason.message : signal.reason}: stopping`);
  await stopNow(stack, dev);
  log.event('info', 'stopped');
}

function startStackOf(
  settings: LocalSettings,
  ports: Ports,
  log: EventLog,
  signal: AbortSignal,
): Promise<Stack> {
  const { dataDir, databaseUrl, logLevel, passedThrough, dev, inspect } = settings;
  const nodeArgs = (name: ProcessName) => [
    ...(dev ? ['--import', REPORT_LOADS] : []),
    // The welcome shows the addresses; Node would write them to the log as errors.
    ...(inspect ? [`--inspect=${inspectorAddress(ports, name)}`, '--inspect-publish-uid=http'] : []),
  ];
  return startStack({
    dataDir,
    ports,
    log,
    databaseUrl,
    supervised: true,
    started: !dev,
    nodeArgs,
    seeded: true,
    logLevel,
    passedThrough,
    step: timeStep,
    signal,
  });
}

function waitForAbort(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve());
  });
}

/** Stops the system in order. Another Ctrl-C kills the services at once. */
async function stopNow(stack: Stack, dev: Dev | undefined): Promise<void> {
  const killAll = () => {
    for (const name of PROCESSES) void stack.services[name].kill();
  };
  process.on('SIGINT', killAll);
  await dev?.close();
  await stack.stop();
  process.off('SIGINT', killAll);
}

async function timeStep<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  const started = performance.now();
  const result = await work();
  console.log(`  ${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}
