// `npm start` once everything is set up: the whole system on this machine until it is told to stop. Called by
// scripts/start.mjs, which holds the lock of the data directory.
import { relative } from 'node:path';
import { postgresFolder } from './database-server.ts';
import { createEventLog, stdoutWriter } from './event-log.ts';
import { readKnownSettings } from './known-settings.ts';
import { checkPorts } from './port-check.ts';
import { removePostgres } from './postgres.ts';
import { removeSecrets } from './secrets.ts';
import { type Ports, PROCESSES, portsFrom } from './services.ts';
import { type LocalSettings, readLocalSettings } from './settings.ts';
import { type Stack, startStack } from './stack.ts';
import { welcome } from './welcome.ts';

/** Runs the system until `signal` is aborted. Throws with one line, or the reason of `signal` when it was not ready yet. */
export async function start(signal: AbortSignal): Promise<void> {
  const settings = readLocalSettings(process.argv.slice(2), process.env, await readKnownSettings());
  const ports = portsFrom(settings.port);
  await checkPorts(ports);
  if (settings.reset) await reset(settings);
  await runUntil(signal, settings, ports);
}

async function reset({ dataDir }: LocalSettings): Promise<void> {
  await removePostgres(postgresFolder(dataDir), (line) => console.log(`  ${line}`));
  await removeSecrets(dataDir);
  console.log(`  deleted the data in ${relative(process.cwd(), dataDir) || dataDir}`);
}

async function runUntil(signal: AbortSignal, settings: LocalSettings, ports: Ports): Promise<void> {
  const log = createEventLog(stdoutWriter(), /^(debug|trace)$/.test(settings.logLevel));
  const stack = await startStack({
    dataDir: settings.dataDir,
    ports,
    log,
    databaseUrl: settings.databaseUrl,
    supervised: true,
    seeded: true,
    logLevel: settings.logLevel,
    passedThrough: settings.passedThrough,
    step: timed,
    signal,
  });
  console.log(welcome(stack, settings));
  log.event('info', 'ready', { pid: process.pid });
  await aborted(signal);
  log.event('info', `${signal.reason instanceof Error ? signal.reason.message : signal.reason}: stopping`);
  await stopNow(stack);
  log.event('info', 'stopped');
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve());
  });
}

/** Stops in order; another Ctrl-C means that the person will not wait. */
async function stopNow(stack: Stack): Promise<void> {
  const impatient = () => {
    for (const name of PROCESSES) void stack.services[name].kill();
  };
  process.on('SIGINT', impatient);
  await stack.stop();
  process.off('SIGINT', impatient);
}

async function timed<Result>(name: string, work: () => Promise<Result>): Promise<Result> {
  const started = performance.now();
  const result = await work();
  console.log(`  ${name}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  return result;
}
