// Runs the programs of installed packages, as a person does from a shell.
import { execFile } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { ROOT } from '@holdfast/scripts/settings';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const FOLDERS = ['node_modules/.bin', 'test/node_modules/.bin'].map((folder) => join(ROOT, folder));
const environment = {
  PATH: [...FOLDERS, process.env['PATH']].join(delimiter),
  NO_COLOR: '1',
  // No program asks its maker for newer versions, or tells of its use.
  CI: 'true',
  REDOCLY_TELEMETRY: 'off',
  REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
};
const TIMEOUT_MS = 60_000;
const MAX_OUTPUT_BYTES = 2 ** 26;

/** Runs it to its end, in a folder. @throws when it does not start, is killed or takes a minute */
export function runInstalled(
  folder: string,
  program: string,
  ...parameters: readonly string[]
): Promise<Ended> {
  const options = { cwd: folder, env: environment, timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES };
  return new Promise((resolve, reject) => {
    execFile(program, parameters, options, (error, stdout, stderr) => {
      const code = error ? error.code : 0;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else reject(error);
    });
  });
}

/** What it writes. @throws with all that it wrote when it ends with another code than 0 */
export async function outputOf(
  folder: string,
  program: string,
  ...parameters: readonly string[]
): Promise<string> {
  const { code, stdout, stderr } = await runInstalled(folder, program, ...parameters);
  if (code !== 0) throw new Error(`${program} ended with ${code}:\n${stdout}${stderr}`);
  return stdout;
}
