// Writes what is made from one source for Grafana and the Prometheus operator: the dashboards' JSON from dashboards.mjs,
// and the PrometheusRule from rules.yaml. With --check nothing is written, and what is out of date is a failure.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DASHBOARDS } from './dashboards.mjs';
import { commandLine } from './src/command-line.js';
import { ROOT } from './steps.mjs';

const RULES = 'k8s/components/prometheus-grafana/rules.yaml';
const RULE = 'k8s/components/monitoring/prometheus-rule.yaml';
const DASHBOARD_FOLDER = 'k8s/components/dashboards';

const files = new Map([[RULE, await prometheusRule()]]);
for (const [name, dashboard] of Object.entries(DASHBOARDS))
  files.set(`${DASHBOARD_FOLDER}/${name}.json`, `${JSON.stringify(dashboard, null, 2)}\n`);

const { values } = commandLine('monitoring');
const stale = [];
for (const [path, content] of files) {
  const target = join(ROOT, path);
  if ((await readFile(target, 'utf8').catch(() => '')) === content) continue;
  stale.push(path);
  if (values.check) continue;
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, content);
}
if (!values.check) console.log(made());
else if (stale.length > 0) {
  console.error(`out of date: ${stale.join(', ')}; run npm run monitoring`);
  process.exitCode = 1;
}

function made() {
  return [
    ...[...files.keys()].map((path) => `${stale.includes(path) ? 'wrote    ' : 'unchanged'} ${path}`),
    '',
    'See a dashboard in Grafana: Dashboards, New, Import, and upload its JSON; its data source is a Prometheus that reads',
    '/metrics of the ops ports. In a cluster, add k8s/components/dashboards and k8s/components/monitoring to the overlay.',
    'What each alert means: docs/operations.md.',
  ].join('\n');
}

async function prometheusRule() {
  const rules = await readFile(join(ROOT, RULES), 'utf8');
  const groups = rules
    .slice(rules.indexOf('groups:'))
    .replace(/^(?=.)/gm, '  ')
    .trimEnd();
  return `# Made from ../prometheus-grafana/rules.yaml by npm run monitoring.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: holdfast
spec:
${groups}
`;
}
