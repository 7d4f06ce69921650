// Runs promtool, which checks metrics and rules.
import { spawn } from 'node:child_process';

export interface PromtoolOptions {
  readonly cwd?: string;
  /** The standard input of promtool. */
  readonly input?: string;
}

/** Runs promtool. @returns its output, and its exit code, which is 0 when it reports no error */
export async function runPromtool(
  args: readonly string[],
  { cwd, input = '' }: PromtoolOptions = {},
): Promise<{ readonly said: string; readonly code: number | null }> {
  const child = spawn('promtool', args, { cwd, stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const code = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  child.stdin.end(input);
  return { code: await code, said };
}
