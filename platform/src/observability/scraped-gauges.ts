// Gauges that stand in tables: read by one statement at each scrape, and left out while the database does not answer.
// A scrape never fails and never waits longer than the connection's own short timeouts (createScrapePool).
import { singleFlight } from '../single-flight.ts';
import type { Logger } from './log.ts';
import { Gauge, registry } from './metrics.ts';

/** One value for each gauge, with the labels that they share. */
export interface Reading<Name extends string> {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<Name, number>>;
}

export interface ScrapedGauges<Name extends string> {
  /** Reads by `read` from now on. */
  readBy(read: () => Promise<readonly Reading<Name>[]>, log: Logger): void;
}

/** @param help by the gauge's name */
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
        // A reset puts a gauge without labels to 0, which is not the same as not known.
        if (labelNames.length === 0) this.remove();
        for (const { labels, values } of readings) this.set(labels, values[name]);
      },
    });
  }

  return {
    readBy: (next, log) => {
      read = () =>
        next().catch((error: unknown) => {
          log.warn({ err: error }, 'gauges could not be read and are left out');
          return [];
        });
    },
  };
}
