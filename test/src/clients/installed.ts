// Runs the programs of installed packages.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/root';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const FOLDERS = ['node_modules/.bin', 'test/node_modules/.bin'];
const environment = {
  PATH: process.env['PATH'],
  NO_COLOR: '1',
  // These settings prevent checks for updates and telemetry.
  CI: 'true',
  REDOCLY_TELEMETRY: 'off',
  REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
};
const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 2 ** 26;

/** Finds the script of an installed program. */
export function findInstalled(program: string): string {
  const paths = FOLDERS.map((folder) => join(ROOT, folder, program));
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error(`no installed package has the program ${program}`);
  return path;
}

/** Runs a script in a folder. @throws when the script is killed, for example after a minute */
export function run(folder: string, script: string, ...parameters: readonly string[]): Promise<Ended> {
  const options = { cwd: folder, env: environment, timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [script, ...parameters], options, (error, stdout, stderr) => {
      const code = error ? error.code : 0;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else reject(error);
    });
  });
}

/** Runs a script and returns its output. @throws with the output when the exit code is not 0 */
export async function runForOutput(
  folder: string,
  script: string,
  ...parameters: readonly string[]
): Promise<string> {
  const { code, stdout, stderr } = await run(folder, script, ...parameters);
  if (code !== 0) throw new Error(`${script} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}
