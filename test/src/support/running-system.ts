// What tests can ask of a system that runs, be it their own or one that they share.
import { gatewayHeaders } from '@holdfast/platform/testing-services';
import type { ProcessName, ServiceSecrets } from '@holdfast/scripts/services';
import type { JWK } from 'jose';
import { secretsUsed } from './client.ts';

export type Subgraph = Exclude<ProcessName, 'gateway'>;

/** Where a system is and what it trusts, as JSON can carry it from one process to another. */
export interface SystemFacts {
  readonly urls: Record<ProcessName, string>;
  readonly opsUrls: Record<ProcessName, string>;
  readonly adminUrl: string;
  readonly signingKey: JWK;
  readonly issuer: string;
  readonly audience: string;
  /** What the services sign their calls of each other with. */
  readonly serviceKeys: ServiceSecrets['serviceKeys'];
}

/** What can be asked of a system, also by tests that share one. */
export interface RunningSystem extends SystemFacts {
  /** The gateway's. */
  readonly url: string;
  subgraphUrl(service: Subgraph): string;
  /** The header field by which `service` knows the gateway. */
  serviceHeaders(service: Subgraph): Promise<Record<string, string>>;
  opsUrl(service: ProcessName, path: string): string;
  pid(service: ProcessName): number | undefined;
  /** Every line that the services and the supervisor have logged, of a shared system since this suite began. */
  logs(): string[];
}

/** An error with its causes, each with its stack, and signs that JSON has to escape. */
const MAX_LOG_LINE = 30_000;

/** What follows from where a system is. */
export function reachable(facts: SystemFacts): Omit<RunningSystem, 'pid' | 'logs'> {
  return {
    ...facts,
    url: facts.urls.gateway,
    subgraphUrl: (service) => `${facts.urls[service]}/graphql`,
    serviceHeaders: gatewayHeaders(facts.serviceKeys),
    opsUrl: (service, path) => facts.opsUrls[service] + path,
  };
}

/** Throws when a secret that a test of this process used stands in the log, or a line has no end. */
export function refuseBadLog(lines: readonly string[]): void {
  const log = lines.join('\n');
  for (const secret of secretsUsed)
    if (log.includes(secret)) throw new Error('a secret that was used stands in the log');
  const tooLong = lines.find((line) => line.length > MAX_LOG_LINE);
  if (tooLong) throw new Error(`a line of the log is too long: ${tooLong.slice(0, 500)}`);
}
