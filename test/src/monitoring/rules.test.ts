// The alerts: promtool's tests say when each fires, and docs/operations.md says what to do then.
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@holdfast/local/root';
import { describe, expect, it } from '@jest/globals';
import { runPromtool } from '../support/promtool.ts';
import { plainRulesOf, RULES_FOLDER, rulesOf } from '../support/rules.ts';

const FILES = ['services', 'stores'] as const;
const alerts = FILES.flatMap((file) =>
  rulesOf(file).flatMap(({ alert, ...rest }) => (alert === undefined ? [] : [{ file, alert, ...rest }])),
);

describe.each(FILES)('the rules about the %s', (file) => {
  it('pass promtool: they are well-formed, and every alert fires as its tests expect', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-rules-'));
    try {
      await writeFile(join(folder, `${file}.yaml`), plainRulesOf(file));
      await copyFile(join(RULES_FOLDER, `${file}.test.yaml`), join(folder, `${file}.test.yaml`));
      expect(await runPromtool(['check', 'rules', `${file}.yaml`], { cwd: folder })).toMatchObject({
        code: 0,
      });
      expect(await runPromtool(['test', 'rules', `${file}.test.yaml`], { cwd: folder })).toMatchObject({
        code: 0,
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 60_000);

  it('have two tests for each alert: it fires, and it does not fire', async () => {
    const tests = await readFile(join(RULES_FOLDER, `${file}.test.yaml`), 'utf8');
    const verdicts = (name: string) => ({
      name,
      fires: new RegExp(`- alertname: ${name}\n +eval_time: \\S+\n +exp_alerts:\n`).test(tests),
      isSilent: new RegExp(`- alertname: ${name}\n +eval_time: \\S+\n +exp_alerts: \\[\\]`).test(tests),
    });
    const names = alerts.filter((each) => each.file === file).map(({ alert }) => alert);
    expect(names.length).toBeGreaterThan(10);
    expect(names.map(verdicts)).toEqual(names.map((name) => ({ name, fires: true, isSilent: true })));
  });
});

it.each(['compose.yaml', 'k8s/components/prometheus-grafana/prometheus.yaml'])(
  '%s extracts the part of the PrometheusRule that Prometheus reads',
  async (path) => {
    const command = /sed '.*' \/etc\/prometheus\/rules\/services\.yaml(?= > \/prometheus\/rules\.yaml &&$)/m;
    const [script = 'false'] = command.exec(await readFile(join(ROOT, path), 'utf8')) ?? [];
    const { stdout } = await promisify(execFile)('sh', [
      '-c',
      script.replace('/etc/prometheus/rules', RULES_FOLDER),
    ]);
    expect(stdout).toBe(plainRulesOf('services'));
  },
);

it('each alert has a severity and a summary', () => {
  const bare = alerts.filter(({ labels, annotations }) => !labels || !annotations);
  expect(bare.map(({ alert }) => alert)).toEqual([]);
});

it('docs/operations.md has one section for each alert, in the order of the rules', async () => {
  const page = await readFile(join(ROOT, 'docs/operations.md'), 'utf8');
  const start = page.indexOf('\n## Alerts');
  const section = page.slice(start, page.indexOf('\n## ', start + 1));
  const described = [...section.matchAll(/^### (\S+)$/gm)].map(([, name]) => name);
  expect(described).toEqual(alerts.map(({ alert }) => alert));
});
