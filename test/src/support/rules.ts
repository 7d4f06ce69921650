// The rules for Prometheus, and the metrics that their expressions select.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@holdfast/local/root';
import { parse } from 'yaml';
import { z } from 'zod';

export const RULES_FOLDER = join(ROOT, 'k8s/components/monitoring/rules');

/** Rules about our services, and those about PostgreSQL, its pooler and Redis. */
export type RuleFile = 'services' | 'stores';

const rule = z.object({
  record: z.string().optional(),
  alert: z.string().optional(),
  expr: z.string(),
  labels: z.object({ severity: z.enum(['page', 'ticket']) }).optional(),
  annotations: z.object({ summary: z.string() }).optional(),
});
const prometheusRule = z.object({
  spec: z.object({ groups: z.array(z.object({ rules: z.array(rule) })) }),
});

const textOf = (file: RuleFile): string => readFileSync(join(RULES_FOLDER, `${file}.yaml`), 'utf8');

export const rulesOf = (file: RuleFile): z.infer<typeof rule>[] =>
  prometheusRule.parse(parse(textOf(file))).spec.groups.flatMap(({ rules }) => rules);

/** The file as Prometheus itself reads it, without its operator. */
export const plainRulesOf = (file: RuleFile): string => textOf(file).replace(/^[\s\S]*?^spec:\n/m, '');

export interface Selector {
  readonly metric: string;
  /** The values that the selector matches, by label. Labels with only excluded values are left out. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

const WORDS = new Set(['and', 'or', 'unless', 'bool', 'offset']);
/** Parts of an expression that are not selectors: a text, a range, an aggregation with its labels, the name of a function. */
const OTHER = /"[^"]*"|\[[^\]]*\]|\b\w+\s+(?:by|without)\s*\([^)]*\)|\b\w+(?=\s*\()/;
const SELECTOR = /(?<metric>[a-zA-Z_:][\w:]*)\s*(?:\{(?<matchers>[^}]*)\})?/;
const TOKEN = new RegExp(`${OTHER.source}|${SELECTOR.source}`, 'g');

/** The selectors in an expression of PromQL. */
export function selectorsOf(expression: string): Selector[] {
  return [...expression.matchAll(TOKEN)].flatMap(({ groups: { metric, matchers = '' } = {} }) => {
    if (metric === undefined || WORDS.has(metric)) return [];
    const labels: Record<string, readonly string[]> = {};
    for (const [, label = '', operator, value = ''] of matchers.matchAll(/(\w+)(=~|=|!=|!~)"([^"]*)"/g)) {
      if (operator === '=') labels[label] = [value];
      if (operator === '=~') labels[label] = value.split('|');
    }
    return [{ metric, labels }];
  });
}

/** Lists the series that a selector matches and that a scrape lacks. Prometheus adds the label `job` itself. */
export function listMissingSeries({ metric, labels }: Selector, series: Iterable<string>): string[] {
  const all = [...series];
  const wanted = Object.entries(labels)
    .filter(([label]) => label !== 'job')
    .flatMap(([label, values]) => values.map((value) => `${label}="${value}"`));
  const isThere = (label: string) => all.some((key) => key.startsWith(`${metric}{`) && key.includes(label));
  if (wanted.length > 0)
    return wanted.filter((label) => !isThere(label)).map((label) => `${metric}{${label}}`);
  return all.some((key) => key === metric || key.startsWith(`${metric}{`)) ? [] : [metric];
}
