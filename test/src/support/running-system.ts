// What tests can ask of a system that runs, be it their own or one that they share.

import type { ProcessName, ServiceSecrets } from '@holdfast/local/stack/services';
import { gatewayHeaders } from '@holdfast/platform/auth/testing-services';
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

/** Throws when one of the secrets, or else one that a test of this process used, stands in the log, or a line has no end. */
export function refuseBadLog(lines: readonly string[], secrets: Iterable<string> = secretsUsed): void {
  if (hasOneOf(lines.join('\n'), secrets)) throw new Error('a secret that was used stands in the log');
  const tooLong = lines.find((line) => line.length > MAX_LOG_LINE);
  if (tooLong) throw new Error(`a line of the log is too long: ${tooLong.slice(0, 500)}`);
}

/** Looks for all in one pass, because a run has thousands of secrets and a log of many megabytes. */
function hasOneOf(log: string, secrets: Iterable<string>): boolean {
  const all = [...secrets];
  const width = Math.min(8, ...all.map(({ length }) => length));
  const byBeginning = Map.groupBy(all, (secret) => secret.slice(0, width));
  for (let at = 0; at <= log.length - width; at += 1) {
    const candidates = byBeginning.get(log.slice(at, at + width));
    if (candidates?.some((secret) => log.startsWith(secret, at))) return true;
  }
  return false;
}
