// The session of this tab. The access token is kept in memory; the refresh token in localStorage, because clerks work in
// several tabs: they share one session, and a page that is loaded anew goes on with it. Scripts of other origins cannot read
// it, and the Content-Security-Policy lets in no others.
import type { ApolloClient } from '@apollo/client';
import {
  LoginDocument,
  LogoutDocument,
  RefreshSessionDocument,
  type Role,
  type SignedInFragment,
} from '../../generated/operations.ts';
import { newKey } from '../../shared/new-key.ts';
import { errorMessage } from '../ui/error.ts';
import { given, problemText } from '../ui/problem.ts';

export interface SessionUser {
  readonly id: string;
  readonly username: string;
  readonly role: Role;
}

export type SessionState =
  /** Finding out whether there is a session; `error` says why that did not succeed. */
  | { readonly status: 'starting'; readonly error?: string }
  | { readonly status: 'signedOut' }
  | { readonly status: 'signedIn'; readonly user: SessionUser }
  /** It ended while its user was at work: operations wait until the user has signed in again. */
  | { readonly status: 'expired'; readonly user: SessionUser };

type OpenSession = Extract<SignedInFragment, { __typename: 'Session' }>;

const STORED = 'holdfast.session';
/** It opens nothing: it keeps the tries to log in from here apart from those of strangers. */
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
    // A page that the browser kept for "Back" has heard nothing of what other tabs did.
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

  /** Goes on with the stored session, if there is one. */
  readonly resume = async (): Promise<void> => {
    if (this.#state.status === 'starting') this.#become({ status: 'starting' });
    try {
      await this.#refresh();
    } catch (error) {
      // In every other state the page asks for a password, which is another way to go on.
      if (this.#state.status === 'starting') this.#become({ status: 'starting', error: errorMessage(error) });
    }
  };

  /** A token that is good for a while yet. Waits for the user when the session has ended. */
  async accessToken(): Promise<string> {
    for (;;) {
      if (this.#access !== undefined && Date.now() < this.#access.goodUntil) return this.#access.token;
      await (this.#state.status === 'signedIn' ? this.#refresh() : this.#signedIn.promise);
    }
  }

  /** A server has refused this token, so its session may have been ended. */
  refused(token: string): void {
    if (this.#access?.token === token) this.#access = undefined;
  }

  /** Gives what was wrong, if anything. */
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

  /** Ends the session, and loads the page anew, so that nothing of this user stays in memory. */
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

  /** One call at a time, however many operations need a token. */
  #refresh(): Promise<void> {
    this.#refreshing ??= this.#renew().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #renew(): Promise<void> {
    // From the storage, because another tab may have renewed it. The key is stored with the token: should two tabs send it at
    // once, or one again because the reply was lost, all get the same next token.
    const stored = readStored();
    if (stored === undefined) return this.#lose();
    const { data } = await this.#client.mutate({
      mutation: RefreshSessionDocument,
      variables: { refreshToken: stored.refreshToken, idempotencyKey: stored.refreshKey },
    });
    const result = given(data?.refreshSession);
    const next = result.__typename === 'Session' ? result.refreshToken : undefined;
    // Another tab has signed in or out meanwhile: what it left is what counts.
    const now = readStored()?.refreshToken;
    if (now !== stored.refreshToken && now !== next) return this.#renew();
    if (result.__typename === 'Session') return this.#take(result);
    localStorage.removeItem(STORED);
    this.#lose();
  }

  #take({ accessToken, expiresIn, refreshToken, deviceToken, user }: OpenSession): void {
    localStorage.setItem(STORED, JSON.stringify({ refreshToken, refreshKey: newKey() }));
    if (deviceToken !== null) localStorage.setItem(DEVICE, deviceToken);
    // What is on the page, and what waits to be sent, is the former user's. Without a token it is not sent.
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
