// The alerts: each is told what to do about, and promtool's tests say when each fires.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '@holdfast/scripts/settings';
import { expect, it } from '@jest/globals';
import { promtool } from '../support/promtool.ts';
import { RULES } from '../support/rules-file.ts';

const FOLDER = dirname(RULES);
const rules = readFileSync(RULES, 'utf8');
const ruleTests = readFileSync(join(FOLDER, 'rules.test.yaml'), 'utf8');
const operations = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8');

/** The text of each alert, by its name. */
const alerts = new Map(
  rules
    .split(/^ +- alert: /m)
    .slice(1)
    .map((text) => [/^\S+/.exec(text)?.[0] ?? '', text] as const),
);

it('passes promtool: the rules are well-formed, and every alert fires as its tests say', async () => {
  for (const args of [
    ['check', 'rules', 'rules.yaml'],
    ['test', 'rules', 'rules.test.yaml'],
  ])
    expect(await promtool(args, { cwd: FOLDER })).toMatchObject({ code: 0 });
});

it('tests for each alert that it fires and that it does not', () => {
  expect(alerts.size).toBeGreaterThan(0);
  for (const name of alerts.keys()) {
    const verdicts = ruleTests.split(`- alertname: ${name}\n`).slice(1);
    expect([name, verdicts.some((text) => /^ +eval_time: \S+\n +exp_alerts:\n/.test(text))]).toEqual([
      name,
      true,
    ]);
    expect([name, verdicts.some((text) => /^ +eval_time: \S+\n +exp_alerts: \[\]/.test(text))]).toEqual([
      name,
      true,
    ]);
  }
});

it('gives each alert a severity, a summary and a section in docs/operations.md', () => {
  for (const [name, text] of alerts) {
    expect([name, /severity: (page|ticket)\b/.test(text)]).toEqual([name, true]);
    expect([name, /summary: >-/.test(text)]).toEqual([name, true]);
    expect([name, operations.includes(`\n### ${name}\n`)]).toEqual([name, true]);
  }
});

it('describes no alert that there is not', () => {
  const section = operations.slice(
    operations.indexOf('\n## Alerts'),
    operations.indexOf('\n## ', operations.indexOf('\n## Alerts') + 1),
  );
  const described = [...section.matchAll(/^### (\S+)$/gm)].map(([, name]) => name);
  expect(described).toEqual([...alerts.keys()]);
});
