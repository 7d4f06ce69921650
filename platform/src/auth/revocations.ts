// The revocation list: for each account whose access tokens ended before their expiry, the first generation that is valid.
// The users service keeps it, verifiers follow it. A verifier that has loaded a list once never waits for one again: while the
// users service does not answer, the last list stays in force.
import { z } from 'zod';
import type { Logger } from '../observability/log.ts';
import { liveGauge } from '../observability/metrics.ts';
import { repeat } from '../repeat.ts';
import { SERVICE_TOKEN_HEADER, type ServiceTokens } from './service-tokens.ts';

/** By the id of an account: the first generation of its tokens that is valid. */
export type RevocationList = ReadonlyMap<number, number>;

/** The path of the list at the users service. */
export const REVOCATIONS_PATH = '/revocations';

/** Verifiers load the list from the users service, which loads it from its database: each verifier knows it after twice this. */
const EVERY_MS = 1_000;
const TIMEOUT_MS = 2_000;
/** A list older than this is logged, because every verifier is promised to know of ended tokens within this time. */
const LATE_MS = 5_000;

export interface Revocations {
  /**
   * Whether the tokens of that generation of the account have ended.
   * @throws the error of the last load, while no list was ever loaded
   */
  hasEnded(userId: number, generation: number): Promise<boolean>;
  /** How old the list is, ms; while there is none: since the start. */
  ageMs(): number;
  /** Stops following the list. */
  close(): void;
}

export interface RevocationsOptions {
  /** Loads the present list. Returns `before` itself when the list has not changed. */
  readonly load: (before: RevocationList | undefined) => Promise<RevocationList>;
  readonly everyMs?: number;
  readonly log: Logger;
}

const showAge = liveGauge(
  'revocation_list_age_seconds',
  'Age of the list of ended access tokens; while none was loaded: since the start of the process.',
);
const showSize = liveGauge(
  'revocation_list_entries',
  'Accounts in the list of ended access tokens; absent until a list was loaded.',
);

/** Loads the list again and again, one load at a time. */
export function followRevocations({ load, everyMs = EVERY_MS, log }: RevocationsOptions): Revocations {
  let list: RevocationList | undefined;
  let loadedAt = performance.now();
  let failure: unknown;
  let isLate = false;

  const ageMs = (): number => performance.now() - loadedAt;

  async function look(signal: AbortSignal): Promise<void> {
    try {
      list = await load(list);
      loadedAt = performance.now();
      if (isLate) log.info('the revocation list is available again');
      isLate = false;
    } catch (error) {
      failure = error;
      // One line for the whole outage.
      if (isLate || signal.aborted || ageMs() <= LATE_MS) return;
      isLate = true;
      log.warn({ err: error }, 'the revocation list is not available; the last one stays in force');
    }
  }
  let lastLook: Promise<void> | undefined;
  const looks = repeat(
    (signal) => {
      lastLook = look(signal);
      return lastLook;
    },
    { everyMs, onError: (error) => log.error({ err: error }, 'the revocation list could not be followed') },
  );

  async function firstList(): Promise<RevocationList> {
    await lastLook;
    if (list === undefined) throw failure;
    return list;
  }

  showAge(() => ageMs() / 1_000);
  showSize(() => list?.size);
  return {
    hasEnded: async (userId, generation) =>
      ((list ?? (await firstList())).get(userId) ?? generation) > generation,
    ageMs,
    close: () => void looks.stop(),
  };
}

const entries = z.array(z.tuple([z.int(), z.int()]));

/** The reply of the users service: pairs of an account's id and its generation. */
export const writeRevocations = (list: RevocationList): string => JSON.stringify([...list]);

export interface RemoteRevocationsOptions {
  /** Where the users service publishes its keys. The list is at the same origin. */
  readonly jwksUrl: string;
  readonly serviceTokens: ServiceTokens;
  readonly everyMs?: number;
  readonly log: Logger;
}

/** Follows the list of the users service. A list that has not changed is not sent again: an ETag says so (RFC 9110, 13.1.2). */
export function followRemoteRevocations(options: RemoteRevocationsOptions): Revocations {
  const { jwksUrl, serviceTokens, everyMs, log } = options;
  const url = new URL(REVOCATIONS_PATH, jwksUrl);
  let tag = '';

  async function load(before: RevocationList | undefined): Promise<RevocationList> {
    const reply = await fetch(url, {
      headers: {
        [SERVICE_TOKEN_HEADER]: await serviceTokens('users'),
        ...(before && { 'if-none-match': tag }),
      },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const body = await reply.text();
    if (reply.status === 304 && before) return before;
    if (reply.status !== 200)
      throw new Error(`expected a revocation list with status 200, got status ${reply.status}`);
    const list = new Map(entries.parse(JSON.parse(body)));
    tag = reply.headers.get('etag') ?? '';
    return list;
  }
  return followRevocations({ load, log, ...(everyMs !== undefined && { everyMs }) });
}
