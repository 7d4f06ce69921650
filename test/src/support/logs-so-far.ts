// The log up to now. A service writes a line some time after the event, and keeps the order of the events.
import { eventually } from './client.ts';
import type { RunningSystem } from './running-system.ts';

const SUBGRAPHS = ['users', 'products', 'orders'] as const;

/** Reads every line that a service logged before this call. All services must be alive. */
export async function readLogsSoFar(system: RunningSystem): Promise<string[]> {
  const requestId = crypto.randomUUID();
  const urls = [system.url, ...SUBGRAPHS.map((name) => new URL('/absent', system.subgraphUrl(name)).href)];
  for (const url of urls) await (await fetch(url, { headers: { 'x-request-id': requestId } })).arrayBuffer();
  const isWritten = (lines: readonly string[]) =>
    lines.filter((line) => line.includes(requestId)).length === urls.length;
  return eventually(async () => system.logs(), isWritten);
}
