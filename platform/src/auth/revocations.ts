// The revocation list: for each account whose access tokens ended before their expiry, the generation of those that are good.
// The users service keeps it, verifiers follow it. A verifier that had a list once waits for none again: while no new one
// is to be had, the last one stays in force.
import { z } from 'zod';
import type { Logger } from '../observability/log.ts';
import { liveGauge } from '../observability/metrics.ts';
import { repeat } from '../repeat.ts';
import { SERVICE_TOKEN_HEADER, type ServiceTokens } from './service-tokens.ts';

/** The generation from which on tokens are good, by the id of their account. */
export type RevocationList = ReadonlyMap<number, number>;

/** Where the users service gives the list to other services. */
export const REVOCATIONS_PATH = '/revocations';

/** Verifiers follow the users service, and that its database: what ends tokens is known everywhere after twice that. */
const EVERY_MS = 1_000;
const TIMEOUT_MS = 2_000;
/** An older list is worth a line in the log: what ends tokens is promised to be known within this. */
const LATE_MS = 5_000;

export interface Revocations {
  /**
   * Whether tokens of that generation of the account have ended.
   * @throws what kept the first list from coming; later on there is always one
   */
  hasEnded(userId: number, generation: number): Promise<boolean>;
  /** How old the list is, ms; since the start while there is none. */
  ageMs(): number;
  /** Follows the list no longer. */
  close(): void;
}

export interface RevocationsOptions {
  /** Gives the list of now; the list of before when nothing has changed. */
  readonly load: (before: RevocationList | undefined) => Promise<RevocationList>;
  readonly everyMs?: number;
  readonly log: Logger;
}

const showAge = liveGauge(
  'revocation_list_age_seconds',
  'Since the list of ended access tokens was had; since the start of the process while it was not.',
);
const showSize = liveGauge(
  'revocation_list_entries',
  'Accounts in the list of ended access tokens; left out until the list was had.',
);

/** Follows the list that `load` gives, one load at a time. */
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

/** The body that the users service gives: pairs of an account's id and its generation. */
export const writeRevocations = (list: RevocationList): string => JSON.stringify([...list]);

export interface RemoteRevocationsOptions {
  /** Where the users service publishes its keys: the list is at the same origin. */
  readonly jwksUrl: string;
  readonly serviceTokens: ServiceTokens;
  readonly everyMs?: number;
  readonly log: Logger;
}

/** Follows the list of the users service. A list that is as it was costs an ETag (RFC 9110, 13.1.2). */
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
    if (reply.status !== 200) throw new Error(`no revocation list came: status ${reply.status}`);
    const list = new Map(entries.parse(JSON.parse(body)));
    tag = reply.headers.get('etag') ?? '';
    return list;
  }
  return followRevocations({ load, log, ...(everyMs !== undefined && { everyMs }) });
}
