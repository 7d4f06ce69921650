// The metrics of a process, as Prometheus reads them.
import { eventually } from './client.ts';

/** A scrape: the value of every series, by its name and labels as the process writes them. */
export type Scrape = ReadonlyMap<string, number>;

export async function scrapeText(url: string): Promise<string> {
  const response = await fetch(url);
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
  return response.text();
}

export const scrape = async (url: string): Promise<Scrape> => parseMetrics(await scrapeText(url));

export function parseMetrics(text: string): Scrape {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** The sum of the series of `name` that have at least these labels; 0 when there is no such series. */
export function sumOf(metrics: Scrape, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  let sum = 0;
  for (const [series, value] of metrics) {
    const [, found, rest = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(series) ?? [];
    if (found === name && wanted.every((part) => rest.includes(part))) sum += value;
  }
  return sum;
}

/** The growth of a metric, summed over the series that have these labels. */
export type Grown = (name: string, labels?: Readonly<Record<string, string>>) => number;

/**
 * Measures what grows while `work` runs and afterwards until `done` holds, because jobs run later than the requests that add them.
 * @param url of a process's metrics
 */
export async function measureGrowth(
  url: string,
  work: () => Promise<unknown>,
  done: (grown: Grown) => boolean = () => true,
): Promise<Grown> {
  const before = await scrape(url);
  await work();
  const grownBy =
    (after: Scrape): Grown =>
    (name, labels) =>
      sumOf(after, name, labels) - sumOf(before, name, labels);
  return grownBy(
    await eventually(
      () => scrape(url),
      (after) => done(grownBy(after)),
    ),
  );
}
