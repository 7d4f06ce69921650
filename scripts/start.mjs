// `npm start`, and `npm run dev`, which passes `--dev`: locks the data directory, sets up, then runs the whole system
// (local/src/stack/start.ts) until Ctrl-C. When it is interrupted or killed at any step, all that it started ends too.
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readCommandLineOrExit } from '../local/src/command-line/command-line.js';
import { LockHeldError, takeLock } from '../local/src/processes/process-lock.js';
import { createStopSignal, Interrupted } from '../local/src/processes/stop-signal.js';
import { ROOT } from '../local/src/root.js';
import { readEnvFile } from '../local/src/setup/env-file.mjs';
import { installPackages } from '../local/src/setup/packages.mjs';
import { isPinnedNode, runOnPinnedNode } from '../local/src/setup/pinned-node.mjs';
import { setUp } from '../local/src/setup/set-up.mjs';
import { StepFailed } from '../local/src/setup/steps.mjs';

// package.json passes `--dev`, which is not an option of the user.
const [name, args] =
  process.argv[2] === '--dev' ? ['dev', process.argv.slice(3)] : ['start', process.argv.slice(2)];
const command = name === 'dev' ? 'npm run dev' : 'npm start';
const { values } = readCommandLineOrExit(name, args);

async function main() {
  const signal = await createStopSignal();
  readEnvFile();
  // An absolute path, so that all processes use the folder that is locked.
  const dataDir = resolve(ROOT, process.env.DATA_DIR || '.data');
  process.env.DATA_DIR = dataDir;
  const release = await lockDataDir(dataDir);
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
  // That process takes the lock itself.
  return runOnPinnedNode(signal);
}

async function lockDataDir(dataDir) {
  try {
    await mkdir(dataDir, { recursive: true });
    return await takeLock(join(dataDir, 'lock'));
  } catch (error) {
    const why =
      error instanceof LockHeldError
        ? `another npm start (process ${error.pid}) runs on ${dataDir}; stop it, or set DATA_DIR and PORT to other values`
        : `${dataDir} cannot be used: ${error.message}`;
    throw new Error(why, { cause: error });
  }
}

function reportError(error) {
  if (error instanceof Interrupted) return 0;
  const message = error instanceof Error ? error.message : String(error);
  console.error(error instanceof StepFailed ? message : `${command}: ${message}`);
  return 1;
}

const status = await main().then((code) => code ?? 0, reportError);
// Open handles that are left, such as keep-alive sockets of the readiness checks, must not keep the process running.
process.exit(status);
