// Holds back a new supergraph until every subgraph serves what it needs. In an upgrade the gateway may be replaced first, while
// subgraphs still wait for their migrations.
import type { Logger } from '@holdfast/platform/observability/log';
import { pause } from '@holdfast/platform/repeat';
import { LRUCache } from 'lru-cache';
import type { NeededSchema } from './served-schema.ts';
import { Silent, type Subgraph } from './subgraph.ts';
import { supergraphWaits } from './subgraph-metrics.ts';

export interface SupergraphGate {
  /** Waits until each subgraph serves its needed schema. False when the signal aborts the wait. */
  untilServed(needed: ReadonlyMap<string, NeededSchema>, signal: AbortSignal): Promise<boolean>;
}

export interface SupergraphGateOptions {
  /** The subgraphs by name. */
  readonly subgraphs: ReadonlyMap<string, Pick<Subgraph, 'sdl'>>;
  readonly log: Logger;
}

type Verdict =
  | { readonly kind: 'serves' }
  | { readonly kind: 'lacks'; readonly lacking: readonly string[] }
  /** `unknown`: the answer was not an SDL. `silent`: there was no answer. */
  | { readonly kind: 'unknown' | 'silent'; readonly err: unknown };

/**
 * How many connections must all reach an instance that serves what is needed. One address may stand for several instances,
 * so one answer proves little while they are replaced. subgraph.ts handles calls that reach an old instance all the same.
 */
const ASKED = 10;
const POLL_MS = 250;
/**
 * How long the gate waits for a subgraph that cannot be reached, ms. Such a subgraph is down and not in an upgrade, and must
 * not hold back the fields of the others. The gate goes on waiting for a subgraph that answers with an error: it is starting,
 * or it does not know the key of this gateway yet.
 */
const SILENT_MS = 5_000;
/** How many SDLs of one subgraph are remembered: more versions do not run side by side. */
const VERDICTS = 4;
const MOST_TOLD = 10;

export function createSupergraphGate({ subgraphs, log }: SupergraphGateOptions): SupergraphGate {
  for (const subgraph of subgraphs.keys()) supergraphWaits.set({ subgraph }, 0);

  /** Waits until one subgraph serves what is needed, or until the signal. */
  async function untilOneServes(name: string, look: () => Promise<Verdict>, signal: AbortSignal) {
    let silentSince: number | undefined;
    let told: string | undefined;
    for (;;) {
      const askedAt = performance.now();
      const verdict = await look();
      if (signal.aborted || verdict.kind === 'serves') break;
      const { kind, ...reason } = verdict;
      silentSince = kind === 'silent' ? (silentSince ?? askedAt) : undefined;
      if (silentSince !== undefined && performance.now() - silentSince >= SILENT_MS) {
        log.warn(
          { subgraph: name, ...reason },
          'the gateway does not wait longer for a subgraph that does not answer',
        );
        break;
      }
      const said = 'err' in reason ? String(reason.err) : reason.lacking.join();
      if (told === undefined) supergraphWaits.inc({ subgraph: name });
      if (said !== told) log.warn({ subgraph: name, ...reason }, 'a supergraph waits for a subgraph');
      told = said;
      await pause(POLL_MS, signal);
    }
    if (told !== undefined) supergraphWaits.dec({ subgraph: name });
  }

  return {
    untilServed: async (needed, signal) => {
      await Promise.all(
        [...subgraphs].map(async ([name, subgraph]) => {
          const schema = needed.get(name);
          if (schema) await untilOneServes(name, createLook(subgraph, schema), signal);
        }),
      );
      return !signal.aborted;
    },
  };
}

/** Creates a function that fetches the SDL over several connections until one lacks something. It never rejects. */
function createLook(subgraph: Pick<Subgraph, 'sdl'>, needed: NeededSchema): () => Promise<Verdict> {
  const known = new LRUCache<string, readonly string[]>({ max: VERDICTS });
  return async () => {
    try {
      for (let asked = 0; asked < ASKED; asked += 1) {
        const sdl = await subgraph.sdl();
        const lacking = known.get(sdl) ?? needed.findLacking(sdl);
        known.set(sdl, lacking);
        if (lacking.length > 0) return { kind: 'lacks', lacking: lacking.slice(0, MOST_TOLD) };
      }
      return { kind: 'serves' };
    } catch (err) {
      return { kind: err instanceof Silent ? 'silent' : 'unknown', err };
    }
  };
}
