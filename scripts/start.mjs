// `npm start` and `npm run dev`, which gives `--dev`: takes the data directory, sets up what is missing, then runs the whole
// system (src/start.ts) until Ctrl-C.
// At whatever step it is interrupted or killed, nothing that it started goes on.
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readCommandLineOrExit } from '../local/src/command-line/command-line.js';
import { LockHeldError, takeLock } from '../local/src/processes/process-lock.js';
import { createStopSignal, Interrupted } from '../local/src/processes/stop-signal.js';
import { readEnvFile } from '../local/src/setup/env-file.mjs';
import { installPackages } from '../local/src/setup/packages.mjs';
import { isPinnedNode, runOnPinnedNode } from '../local/src/setup/pinned-node.mjs';
import { ROOT, StepFailed } from '../local/src/setup/steps.mjs';
import { setUp } from './setup.mjs';

// package.json gives `--dev`, which is no option that is typed.
const [name, args] =
  process.argv[2] === '--dev' ? ['dev', process.argv.slice(3)] : ['start', process.argv.slice(2)];
const command = name === 'dev' ? 'npm run dev' : 'npm start';
const { values } = readCommandLineOrExit(name, args);

async function main() {
  const signal = await createStopSignal();
  readEnvFile();
  // Absolute from here on, so that what is started uses the folder that is locked.
  const dataDir = resolve(ROOT, process.env.DATA_DIR || '.data');
  process.env.DATA_DIR = dataDir;
  const release = await takeDataDir(dataDir);
  try {
    await installPackages(signal);
    if (isPinnedNode()) {
      await setUp({ signal });
      const { start } = await import('../local/src/stack/start.ts');
      return await start({ ...values, dev: name === 'dev' }, signal, () => setUp({ signal }));
    }
  } finally {
    await release();
  }
  // It takes the lock for itself.
  return runOnPinnedNode(signal);
}

async function takeDataDir(dataDir) {
  try {
    await mkdir(dataDir, { recursive: true });
    return await takeLock(join(dataDir, 'lock'));
  } catch (error) {
    const why =
      error instanceof LockHeldError
        ? `another npm start (process ${error.pid}) runs on ${dataDir}; stop it, or set DATA_DIR and PORT to something else`
        : `${dataDir} cannot be used: ${error.message}`;
    throw new Error(why, { cause: error });
  }
}

function report(error) {
  if (error instanceof Interrupted) return 0;
  const message = error instanceof Error ? error.message : String(error);
  console.error(error instanceof StepFailed ? message : `${command}: ${message}`);
  return 1;
}

const status = await main().then((code) => code ?? 0, report);
// What is left holds nothing, such as keep-alive sockets of the readiness checks.
process.exit(status);
