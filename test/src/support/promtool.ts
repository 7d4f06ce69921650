// Prometheus' own check of metrics and rules.
import { spawn } from 'node:child_process';

export interface PromtoolOptions {
  readonly cwd?: string;
  /** What it reads from its standard input. */
  readonly input?: string;
}

/** What promtool says, and its exit code: 0 when it finds nothing wrong. */
export async function promtool(
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
