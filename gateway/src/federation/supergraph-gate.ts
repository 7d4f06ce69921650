// Keeps a supergraph out of force until every subgraph serves what it needs. In an upgrade the gateway may be the first that
// is replaced, whatever tool applies it, while subgraphs still wait for their migrations.
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '@holdfast/platform/log';
import { LRUCache } from 'lru-cache';
import { type NeededSchema, neededSchemas } from './served-schema.ts';
import type { Subgraph } from './subgraph.ts';
import { supergraphWaits } from './subgraph-metrics.ts';

export interface SupergraphGate {
  /**
   * Waits until the subgraphs serve what the supergraph needs. False when another supergraph has come meanwhile, or the end.
   * Rejects when the supergraph cannot be read.
   */
  admits(supergraphSdl: string): Promise<boolean>;
  /** @throws until a supergraph was admitted */
  check(): void;
  close(): void;
}

export interface SupergraphGateOptions {
  /** By name. */
  readonly subgraphs: ReadonlyMap<string, Pick<Subgraph, 'sdl'>>;
  readonly log: Logger;
}

type Verdict =
  | { readonly kind: 'serves' }
  | { readonly kind: 'lacks'; readonly lacking: readonly string[] }
  | { readonly kind: 'silent'; readonly cause: unknown };

/**
 * How many connections must all meet an instance that serves what is needed. Behind one address stand several, and while they
 * are replaced one answer says little. What passes by chance all the same is met by the calls: see subgraph.ts.
 */
const ASKED = 10;
const POLL_MS = 250;
/**
 * How long a subgraph is waited for that does not answer at all. It is not being upgraded then but down, and that is no reason
 * to take the others' fields away as well.
 */
const SILENT_MS = 5_000;
/** SDLs of one subgraph whose verdict is kept: more versions do not run side by side. */
const VERDICTS = 4;
const MOST_TOLD = 10;

export function createSupergraphGate({ subgraphs, log }: SupergraphGateOptions): SupergraphGate {
  let isOpen = false;
  let latest = new AbortController();
  for (const subgraph of subgraphs.keys()) supergraphWaits.set({ subgraph }, 0);

  /** Waits for one subgraph, or for the signal. */
  async function untilServed(name: string, look: () => Promise<Verdict>, signal: AbortSignal): Promise<void> {
    let silentSince: number | undefined;
    let told: string | undefined;
    for (;;) {
      const askedAt = performance.now();
      const verdict = await look();
      if (signal.aborted) return;
      if (verdict.kind === 'serves') break;
      silentSince = verdict.kind === 'silent' ? (silentSince ?? askedAt) : undefined;
      if (silentSince !== undefined && performance.now() - silentSince >= SILENT_MS) break;
      supergraphWaits.set({ subgraph: name }, 1);
      const reason = reasonOf(verdict);
      if (JSON.stringify(reason) !== told)
        log.warn({ subgraph: name, ...reason }, 'a supergraph waits for a subgraph');
      told = JSON.stringify(reason);
      await pause(POLL_MS, undefined, { ref: false });
    }
    supergraphWaits.set({ subgraph: name }, 0);
  }

  return {
    admits: async (supergraphSdl) => {
      const needed = neededSchemas(supergraphSdl);
      latest.abort();
      latest = new AbortController();
      const { signal } = latest;
      await Promise.all(
        [...subgraphs].map(async ([name, subgraph]) => {
          supergraphWaits.set({ subgraph: name }, 0);
          const schema = needed.get(name);
          if (schema) await untilServed(name, lookAt(subgraph, schema), signal);
        }),
      );
      if (signal.aborted) return false;
      isOpen = true;
      return true;
    },
    check: () => {
      if (!isOpen) throw new Error('a subgraph does not serve yet what the supergraph needs');
    },
    close: () => latest.abort(),
  };
}

const reasonOf = (verdict: Exclude<Verdict, { kind: 'serves' }>) =>
  verdict.kind === 'lacks'
    ? { lacking: verdict.lacking.slice(0, MOST_TOLD) }
    : { reason: verdict.cause instanceof Error ? verdict.cause.message : String(verdict.cause) };

/** Asks over several connections, one after the other, until one does not serve what is needed. It never rejects. */
function lookAt(subgraph: Pick<Subgraph, 'sdl'>, needed: NeededSchema): () => Promise<Verdict> {
  const known = new LRUCache<string, readonly string[]>({ max: VERDICTS });
  return async () => {
    try {
      for (let asked = 0; asked < ASKED; asked += 1) {
        const sdl = await subgraph.sdl();
        const lacking = known.get(sdl) ?? needed.lackingIn(sdl);
        known.set(sdl, lacking);
        if (lacking.length > 0) return { kind: 'lacks', lacking };
      }
      return { kind: 'serves' };
    } catch (cause) {
      return { kind: 'silent', cause };
    }
  };
}
