// The settings of a file, `.env` unless ENV_FILE names another: they become environment variables, but for those that are
// set already.
import { resolve } from 'node:path';
import { loadEnvFile } from 'node:process';
import { errorCode } from '../error-code.js';
import { ROOT, StepFailed } from './steps.mjs';

/** Reads it, when it is there. Throws StepFailed when ENV_FILE names a file that cannot be read. */
export function readEnvFile() {
  const named = process.env.ENV_FILE;
  const path = resolve(ROOT, named || '.env');
  try {
    loadEnvFile(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT' && !named) return;
    throw new StepFailed(`${path} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
