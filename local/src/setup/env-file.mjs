// Reads settings from a file, `.env` or the one of ENV_FILE, into environment variables. Variables that are set keep their values.
import { resolve } from 'node:path';
import { loadEnvFile } from 'node:process';
import { errorCode } from '../error-code.js';
import { ROOT } from '../root.js';
import { StepFailed } from './steps.mjs';

/** Reads the file if it exists. Throws StepFailed when it cannot be read, or ENV_FILE names a file that does not exist. */
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
