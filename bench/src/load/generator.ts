// Controls the load generator, a process of its own.
import { once } from 'node:events';
import { COMPILE_CACHE, forkProgram, programOf } from '../child.ts';
import type { BenchRequest } from '../requests.ts';
import type { BurstResult, LoadMessage } from './messages.ts';

export interface Generator {
  aim(url: string, requests: readonly BenchRequest[], token: string): void;
  /** Sends until `requests` were answered or `maxMs` has passed. @throws when a reply is an error */
  fire(requests: number, maxMs: number): Promise<BurstResult>;
  stop(): Promise<void>;
}

export function startGenerator(): Generator {
  const child = forkProgram('load/main.ts', { env: COMPILE_CACHE });
  const { stop } = programOf(child, '');
  const gone = once(child, 'exit').then(([code]): never => {
    throw new Error(`the load generator ended with ${code}`);
  });
  gone.catch(() => undefined);
  let url = '';
  const tell = (message: LoadMessage) => child.send(message);
  return {
    aim: (target, requests, token) => {
      url = target;
      tell({ kind: 'aim', url, requests, token });
    },
    fire: async (requests, maxMs) => {
      const told: Promise<BurstResult> = once(child, 'message').then(([result]) => result);
      tell({ kind: 'fire', requests, maxMs });
      const result = await Promise.race([told, gone]);
      if (result.error !== undefined) throw new Error(`${url} does not answer as it should: ${result.error}`);
      return result;
    },
    stop,
  };
}
