// The session of this tab. The access token is in memory. The refresh token is in localStorage, because clerks work in several tabs:
// the tabs share one session, and a reloaded page continues it. Scripts of other origins cannot read it, and the
// Content-Security-Policy allows only our own scripts.
import type { ApolloClient } from '@apollo/client';
import {
  LoginDocument,
  LogoutDocument,
  RefreshSessionDocument,
  type Role,
  type SignedInFragment,
} from '../../generated/operations.ts';
import { makeKey } from '../../shared/make-key.ts';
import { errorMessage } from '../ui/error.ts';
import { given, problemText } from '../ui/problem.ts';

export interface SessionUser {
  readonly id: string;
  readonly username: string;
  readonly role: Role;
}

export type SessionState =
  /** The page checks whether a session exists; `error` says why the check failed. */
  | { readonly status: 'starting'; readonly error?: string }
  | { readonly status: 'signedOut' }
  | { readonly status: 'signedIn'; readonly user: SessionUser }
  /** The session ended while the user was working. Operations wait until the user has signed in again. */
  | { readonly status: 'expired'; readonly user: SessionUser };

type OpenSession = Extract<SignedInFragment, { __typename: 'Session' }>;

const STORED = 'holdfast.session';
/** It gives no access. It distinguishes login attempts of this browser from those of strangers. */
const DEVICE = 'holdfast.device';
/** An access token is renewed this long before it expires, or a tenth of its life if that is shorter. */
const MARGIN_MS = 30_000;

export class Session {
  readonly #client: ApolloClient;
  #state: SessionState = { status: 'starting' };
  #access: { readonly token: string; readonly goodUntil: number } | undefined;
  #refreshing: Promise<void> | undefined;
  #signedIn = Promise.withResolvers<void>();
  readonly #listeners = new Set<() => void>();

  /** @param client sends operations without a token */
  constructor(client: ApolloClient) {
    this.#client = client;
    window.addEventListener('storage', ({ key, newValue }) => {
      if (key === STORED) this.#otherTabDid(newValue === null ? 'signOut' : 'signIn');
    });
    // A page from the back/forward cache has missed the events of other tabs.
    window.addEventListener('pageshow', ({ persisted }) => {
      if (!persisted) return;
      this.#access = undefined;
      void this.resume();
    });
  }

  readonly state = (): SessionState => this.#state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Continues the stored session, if it exists. */
  readonly resume = async (): Promise<void> => {
    if (this.#state.status === 'starting') this.#become({ status: 'starting' });
    try {
      await this.#refresh();
    } catch (error) {
      // In every other state the page requests the password, so the user can continue.
      if (this.#state.status === 'starting') this.#become({ status: 'starting', error: errorMessage(error) });
    }
  };

  /** An access token that does not expire soon. When the session has ended, waits until the user has signed in. */
  async accessToken(): Promise<string> {
    for (;;) {
      if (this.#access !== undefined && Date.now() < this.#access.goodUntil) return this.#access.token;
      await (this.#state.status === 'signedIn' ? this.#refresh() : this.#signedIn.promise);
    }
  }

  /** Drops a token that a server has refused, because its session may have ended. */
  refused(token: string): void {
    if (this.#access?.token === token) this.#access = undefined;
  }

  /** Returns the problem, or undefined. */
  async signIn(username: string, password: string): Promise<string | undefined> {
    const deviceToken = localStorage.getItem(DEVICE);
    const { data } = await this.#client.mutate({
      mutation: LoginDocument,
      variables: { input: { username, password, deviceToken } },
    });
    const result = given(data?.login);
    if (result.__typename !== 'Session') return problemText(result);
    this.#take(result);
    return undefined;
  }

  /** Ends the session and reloads the page, so that no data of this user stays in memory. */
  async signOut(): Promise<void> {
    const stored = readStored();
    localStorage.removeItem(STORED);
    try {
      if (stored !== undefined)
        await this.#client.mutate({
          mutation: LogoutDocument,
          variables: { refreshToken: stored.refreshToken },
        });
    } finally {
      location.reload();
    }
  }

  /** All operations that need a token share one call. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#renew().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #renew(): Promise<void> {
    // The token comes from the storage, because another tab may have renewed it. The key is stored with the token, so that two tabs, or
    // a retry after a lost reply, get the same next token.
    const stored = readStored();
    if (stored === undefined) return this.#lose();
    const { data } = await this.#client.mutate({
      mutation: RefreshSessionDocument,
      variables: { refreshToken: stored.refreshToken, idempotencyKey: stored.refreshKey },
    });
    const result = given(data?.refreshSession);
    const next = result.__typename === 'Session' ? result.refreshToken : undefined;
    // Another tab has signed in or out in the meantime, and its state counts.
    const now = readStored()?.refreshToken;
    if (now !== stored.refreshToken && now !== next) return this.#renew();
    if (result.__typename === 'Session') return this.#take(result);
    localStorage.removeItem(STORED);
    this.#lose();
  }

  #take({ accessToken, expiresIn, refreshToken, deviceToken, user }: OpenSession): void {
    localStorage.setItem(STORED, JSON.stringify({ refreshToken, refreshKey: makeKey() }));
    if (deviceToken !== null) localStorage.setItem(DEVICE, deviceToken);
    // The page and its waiting operations belong to the former user. Without a token they are not sent.
    if ('user' in this.#state && this.#state.user.id !== user.id) {
      this.#access = undefined;
      this.#become({ status: 'starting' });
      location.reload();
      return;
    }
    const lifeMs = expiresIn * 1000;
    this.#access = { token: accessToken, goodUntil: Date.now() + lifeMs - Math.min(MARGIN_MS, lifeMs / 10) };
    this.#become({ status: 'signedIn', user });
    this.#signedIn.resolve();
    this.#signedIn = Promise.withResolvers();
  }

  #lose(): void {
    this.#access = undefined;
    const { user } = { user: undefined, ...this.#state };
    this.#become(user === undefined ? { status: 'signedOut' } : { status: 'expired', user });
  }

  #otherTabDid(what: 'signIn' | 'signOut'): void {
    if (what === 'signOut') this.#lose();
    else if (this.#state.status !== 'signedIn') void this.resume();
  }

  #become(state: SessionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

interface Stored {
  readonly refreshToken: string;
  readonly refreshKey: string;
}

function readStored(): Stored | undefined {
  const text = localStorage.getItem(STORED);
  return text === null ? undefined : JSON.parse(text);
}
