// The log as of now. A service writes its lines some time after what they tell of, in the order of the events.
import { eventually } from './client.ts';
import type { RunningSystem } from './running-system.ts';

const SUBGRAPHS = ['users', 'products', 'orders'] as const;

/** Every line that any service has logged before this is called. All services must be alive. */
export async function logsSoFar(system: RunningSystem): Promise<string[]> {
  const requestId = crypto.randomUUID();
  const urls = [system.url, ...SUBGRAPHS.map((name) => new URL('/nothing', system.subgraphUrl(name)).href)];
  for (const url of urls) await (await fetch(url, { headers: { 'x-request-id': requestId } })).arrayBuffer();
  const isWritten = (lines: readonly string[]) =>
    lines.filter((line) => line.includes(requestId)).length === urls.length;
  return eventually(async () => system.logs(), isWritten);
}
