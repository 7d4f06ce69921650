// Gauges whose values are in tables: one statement reads them at each scrape. They are absent while the database does not answer.
// A scrape never fails and never waits longer than the short timeouts of its connection (createScrapePool).
import { singleFlight } from '../single-flight.ts';
import type { Logger } from './log.ts';
import { Gauge, registry } from './metrics.ts';

/** One value for each gauge, with the labels that they share. */
export interface Reading<Name extends string> {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<Name, number>>;
}

export interface ScrapedGauges<Name extends string> {
  /** Sets the function that reads the values. */
  readBy(read: () => Promise<readonly Reading<Name>[]>, log: Logger): void;
}

/** @param help by the name of the gauge */
export function createScrapedGauges<Name extends string>(
  help: Readonly<Record<Name, string>>,
  labelNames: readonly string[] = [],
): ScrapedGauges<Name> {
  let read: () => Promise<readonly Reading<Name>[]> = async () => [];
  /** All gauges of a scrape share one statement. */
  const readOnce = singleFlight(() => read());

  for (const name in help) {
    new Gauge({
      name,
      help: help[name],
      labelNames: [...labelNames],
      registers: [registry],
      async collect() {
        const readings = await readOnce();
        this.reset();
        // A reset sets a gauge without labels to 0, but here the value is unknown.
        if (labelNames.length === 0) this.remove();
        for (const { labels, values } of readings) this.set(labels, values[name]);
      },
    });
  }

  return {
    readBy: (next, log) => {
      read = () =>
        next().catch((error: unknown) => {
          log.warn({ err: error }, 'gauges could not be read and are absent from this scrape');
          return [];
        });
    },
  };
}
