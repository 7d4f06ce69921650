// What GitHub runs: the two commands of the README, with nothing that can be moved under another name.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';

const step = z.object({
  uses: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
  run: z.string().optional(),
});
const workflow = z.object({
  permissions: z.record(z.string(), z.string()),
  jobs: z.record(z.string(), z.object({ steps: z.array(step), 'timeout-minutes': z.number() })),
});

const { jobs, permissions } = workflow.parse(
  parse(await readFile(join(ROOT, '.github/workflows/ci.yml'), 'utf8')),
);
const steps = Object.values(jobs).flatMap((job) => job.steps);

it('runs npm test and npm start', () => {
  const commands = steps.flatMap(({ run = '' }) => run.split('\n')).map((line) => line.trim());
  expect(commands).toEqual(expect.arrayContaining(['npm test', 'npm start &']));
});

it('runs on the Node of .nvmrc, in every job', () => {
  for (const job of Object.values(jobs)) {
    const node = job.steps.find(({ uses }) => uses?.startsWith('actions/setup-node@'));
    expect(node?.with).toEqual({ 'node-version-file': '.nvmrc', cache: 'npm' });
  }
});

it('names every action by its commit, and may only read', () => {
  const actions = steps.flatMap(({ uses }) => uses ?? []);
  expect(actions.length).toBeGreaterThan(2);
  expect(actions.filter((action) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/.test(action))).toEqual([]);
  expect(permissions).toEqual({ contents: 'read' });
});
