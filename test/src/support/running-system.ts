// A running system as tests see it, whether one suite has it alone or several share it.
import type { ProcessName, ServiceSecrets } from '@holdfast/local/settings/services';
import { gatewayHeaders } from '@holdfast/platform/auth/testing-services';
import type { JWK } from 'jose';
import { secretsUsed } from './client.ts';

export type Subgraph = Exclude<ProcessName, 'gateway'>;

/** The addresses and keys of a system. They are plain JSON, so one process can send them to another. */
export interface SystemFacts {
  readonly urls: Record<ProcessName, string>;
  readonly opsUrls: Record<ProcessName, string>;
  readonly adminUrl: string;
  readonly signingKey: JWK;
  readonly issuer: string;
  readonly audience: string;
  /** The keys with which the services sign their calls of each other. */
  readonly serviceKeys: ServiceSecrets['serviceKeys'];
}

/** One more process of a service. */
export interface Instance {
  /** The URL of the process, without a path. */
  readonly url: string;
  opsUrl(path: string): string;
  pid(): number | undefined;
  /** Sends SIGTERM, and waits for the end. */
  stop(): Promise<void>;
}

/** What a test can do with a system, even when other suites share it. */
export interface RunningSystem extends SystemFacts {
  /** The URL of the gateway. */
  readonly url: string;
  subgraphUrl(service: Subgraph): string;
  /** The header field that proves to `service` that the gateway calls. */
  serviceHeaders(service: Subgraph): Promise<Record<string, string>>;
  opsUrl(service: ProcessName, path: string): string;
  pid(service: ProcessName): number | undefined;
  /**
   * Starts one more process of a service, with the same database and the same settings, apart from `env`. It ends with the suite at the
   * latest. A process of a subgraph beside the shared system works on the jobs of all suites.
   */
  another(service: ProcessName, env?: Record<string, string>): Promise<Instance>;
  /** Every line that the services and the supervisor have logged; of a shared system, since this suite began. */
  logs(): string[];
}

/** Enough for an error with its causes and their stacks, with characters that JSON escapes. */
const MAX_LOG_LINE = 30_000;

/** Derives URLs and headers from the facts. */
export function describeSystem(facts: SystemFacts): Omit<RunningSystem, 'pid' | 'another' | 'logs'> {
  return {
    ...facts,
    url: facts.urls.gateway,
    subgraphUrl: (service) => `${facts.urls[service]}/graphql`,
    serviceHeaders: gatewayHeaders(facts.serviceKeys),
    opsUrl: (service, path) => facts.opsUrls[service] + path,
  };
}

/** @throws when the log contains one of the secrets (by default: those that tests of this process used), or a very long line */
export function refuseBadLog(lines: readonly string[], secrets: Iterable<string> = secretsUsed): void {
  if (hasSecret(lines.join('\n'), secrets)) throw new Error('the log contains a secret that a test used');
  const tooLong = lines.find((line) => line.length > MAX_LOG_LINE);
  if (tooLong) throw new Error(`a line of the log is too long: ${tooLong.slice(0, 500)}`);
}

/** Searches for all secrets in one pass, because a run has thousands of them and a log of many megabytes. */
function hasSecret(log: string, secrets: Iterable<string>): boolean {
  const all = [...secrets];
  const width = Math.min(8, ...all.map(({ length }) => length));
  const byBeginning = Map.groupBy(all, (secret) => secret.slice(0, width));
  for (let at = 0; at <= log.length - width; at += 1) {
    const candidates = byBeginning.get(log.slice(at, at + width));
    if (candidates?.some((secret) => log.startsWith(secret, at))) return true;
  }
  return false;
}
