// Keeps a supergraph out of force until every subgraph serves what it needs. In an upgrade the gateway may be the first that
// is replaced, with every tool that applies it, while subgraphs still wait for their migrations.
import type { Logger } from '@holdfast/platform/observability/log';
import { pause } from '@holdfast/platform/repeat';
import { LRUCache } from 'lru-cache';
import type { NeededSchema } from './served-schema.ts';
import { Silent, type Subgraph } from './subgraph.ts';
import { supergraphWaits } from './subgraph-metrics.ts';

export interface SupergraphGate {
  /** Waits until each subgraph serves what is needed of it, by name. False when the signal came before. */
  untilServed(needed: ReadonlyMap<string, NeededSchema>, signal: AbortSignal): Promise<boolean>;
}

export interface SupergraphGateOptions {
  /** By name. */
  readonly subgraphs: ReadonlyMap<string, Pick<Subgraph, 'sdl'>>;
  readonly log: Logger;
}

type Verdict =
  | { readonly kind: 'serves' }
  | { readonly kind: 'lacks'; readonly lacking: readonly string[] }
  /** What it answered says nothing of its schema, or there was no answer. */
  | { readonly kind: 'unknown' | 'silent'; readonly err: unknown };

/**
 * How many connections must all meet an instance that serves what is needed. Behind one address stand several, and while they
 * are replaced one answer says little. What passes by chance all the same is met by the calls: see subgraph.ts.
 */
const ASKED = 10;
const POLL_MS = 250;
/**
 * How long a subgraph is waited for that cannot be reached. It is not being upgraded then but down, and that is no reason to
 * take the others' fields away as well. One that answers, and be it with an error, is waited for: it is starting, or it does
 * not know this gateway's key yet.
 */
const SILENT_MS = 5_000;
/** SDLs of one subgraph whose verdict is kept: more versions do not run side by side. */
const VERDICTS = 4;
const MOST_TOLD = 10;

export function createSupergraphGate({ subgraphs, log }: SupergraphGateOptions): SupergraphGate {
  for (const subgraph of subgraphs.keys()) supergraphWaits.set({ subgraph }, 0);

  /** Waits for one subgraph, or for the signal. */
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
        log.warn({ subgraph: name, ...reason }, 'a subgraph that does not answer holds no supergraph back');
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
          if (schema) await untilOneServes(name, lookAt(subgraph, schema), signal);
        }),
      );
      return !signal.aborted;
    },
  };
}

/** Asks over several connections, one after the other, until one does not serve what is needed. It never rejects. */
function lookAt(subgraph: Pick<Subgraph, 'sdl'>, needed: NeededSchema): () => Promise<Verdict> {
  const known = new LRUCache<string, readonly string[]>({ max: VERDICTS });
  return async () => {
    try {
      for (let asked = 0; asked < ASKED; asked += 1) {
        const sdl = await subgraph.sdl();
        const lacking = known.get(sdl) ?? needed.lackingIn(sdl);
        known.set(sdl, lacking);
        if (lacking.length > 0) return { kind: 'lacks', lacking: lacking.slice(0, MOST_TOLD) };
      }
      return { kind: 'serves' };
    } catch (err) {
      return { kind: err instanceof Silent ? 'silent' : 'unknown', err };
    }
  };
}
