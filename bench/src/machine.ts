// Describes the machine that the benchmark runs on.
import { execFile } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import { promisify } from 'node:util';
import { ROOT } from '@holdfast/local/root';
import type { Machine } from './figures.ts';

const git = (...args: string[]): Promise<string> =>
  promisify(execFile)('git', args, { cwd: ROOT }).then(({ stdout }) => stdout.trim());

/** The checked-out commit, and whether files differ from it. */
async function readCommit(): Promise<string> {
  const changes = await git('status', '--porcelain', '--untracked-files=no');
  return `${await git('rev-parse', '--short', 'HEAD')}${changes === '' ? '' : ' with changes'}`;
}

export async function describeMachine(): Promise<Machine> {
  const processors = cpus();
  return {
    node: process.versions.node,
    processor: processors[0]?.model ?? 'unknown',
    processors: processors.length,
    // Without git, as in an archive of the sources.
    commit: await readCommit().catch(() => 'unknown'),
    date: new Date().toISOString().slice(0, 10),
    load: loadavg()[0] ?? 0,
  };
}
