// `npm start`: the whole system on this machine until Ctrl-C. Imported by scripts/start.mjs once everything is
// built; runs on import.
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { postgresFolder } from './database-server.js';
import { createEventLog, stdoutWriter } from './event-log.js';
import { readKnownSettings } from './known-settings.js';
import { isPortInUse } from './ports.js';
import { removePostgres } from './postgres.js';
import { LockHeldError, takeLock } from './process-lock.js';
import { removeSecrets } from './secrets.js';
import { type Ports, PROCESSES, portFormula, portsFrom } from './services.js';
import { type LocalSettings, readLocalSettings } from './settings.js';
import { type Stack, startStack } from './stack.js';
import { welcome } from './welcome.js';

class Interrupted extends Error {}

const PARENT_CHECK_MS = 250;

async function main(): Promise<void> {
  const settings = readLocalSettings(process.argv.slice(2), process.env, await readKnownSettings());
  const ports = portsFrom(settings.port);
  await mkdir(settings.dataDir, { recursive: true });
  const release = await takeDataDir(settings);
  try {
    await checkPorts(ports);
    if (settings.reset) await reset(settings);
    await runUntilSignal(settings, ports);
  } finally {
    await release();
  }
}

async function takeDataDir({ dataDir }: LocalSettings): Promise<() => Promise<void>> {
  try {
    return await takeLock(join(dataDir, 'lock'));
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error;
    throw new Error(
      `another npm start (process ${error.pid}) runs on ${dataDir}; stop it, or set DATA_DIR and PORT to something else`,
      { cause: error },
    );
  }
}

async function checkPorts(ports: Ports): Promise<void> {
  const taken: string[] = [];
  for (const name of PROCESSES) {
    for (const kind of ['http', 'ops'] as const) {
      const port = ports[name][kind];
      if (!(await isPortInUse(port, '127.0.0.1'))) continue;
      taken.push(`${port} (${name}${kind === 'ops' ? "'s ops port" : ''}, ${portFormula(name, kind)})`);
    }
  }
  if (taken.length === 0) return;
  const what = taken.length === 1 ? `port ${taken[0]} is in use` : `ports ${taken.join(', ')} are in use`;
  throw new Error(`${what}; set PORT to start elsewhere`);
}

async function reset({ dataDir }: LocalSettings): Promise<void> {
  await removePostgres(postgresFolder(dataDir), (line) => console.log(`  ${line}`));
  await removeSecrets(dataDir);
  console.log(`  deleted the data in ${relative(process.cwd(), dataDir) || dataDir}`);
}

async function runUntilSignal(settings: LocalSettings, ports: Ports): Promise<void> {
  const log = createEventLog(stdoutWriter(), /^(debug|trace)$/.test(settings.logLevel));
  const starting = new AbortController();
  const signalled = nextSignal();
  void signalled.then((signal) => starting.abort(new Interrupted(signal)));
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
    signal: starting.signal,
  });
  console.log(welcome(stack, settings));
  log.event('info', 'ready', { pid: process.pid });
  log.event('info', `${await signalled}: stopping`);
  await stopNow(stack);
  log.event('info', 'stopped');
}

/** The first SIGINT, SIGTERM or SIGHUP, or the end of the npm that started this: npm does not hand on a SIGTERM. */
function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    // Not `once`: a second one must not kill us while we stop the others.
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => resolve(name));
    if (process.env['npm_lifecycle_event'] === undefined) return;
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && resolve('npm is gone'), PARENT_CHECK_MS).unref();
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

try {
  await main();
  // Whatever is left holds nothing; keep-alive sockets of the readiness checks among it.
  process.exit(0);
} catch (error) {
  if (error instanceof Interrupted) process.exit(0);
  console.error(`npm start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
