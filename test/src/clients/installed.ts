// Runs the programs of installed packages, as a person does from a shell.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/settings/settings';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const FOLDERS = ['node_modules/.bin', 'test/node_modules/.bin'];
const environment = {
  PATH: process.env['PATH'],
  NO_COLOR: '1',
  // No program asks its maker for newer versions, or tells of its use.
  CI: 'true',
  REDOCLY_TELEMETRY: 'off',
  REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
};
const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 2 ** 26;

/** The script of a package's program. */
export function installed(program: string): string {
  const paths = FOLDERS.map((folder) => join(ROOT, folder, program));
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error(`${program} is in no installed package`);
  return path;
}

/** Runs a script to its end, in a folder. @throws when it is killed, as after a minute */
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

/** What a script writes. @throws with all that it wrote when it ends with another code than 0 */
export async function outputOf(
  folder: string,
  script: string,
  ...parameters: readonly string[]
): Promise<string> {
  const { code, stdout, stderr } = await run(folder, script, ...parameters);
  if (code !== 0) throw new Error(`${script} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}
