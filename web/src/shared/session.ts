// The session of the pages in this browser tab. It ends when the tab is closed, because only sessionStorage holds its tokens.
import type { DEMO_CUSTOMER } from './offers.ts';

export interface Session {
  readonly username: string;
  readonly token: string;
  /** Ends the session; undefined when the login did not request it. */
  readonly refreshToken: string | undefined;
  /** In the unit of `Date.now()`. */
  readonly expiresAt: number;
}

const KEY = 'holdfast-session';
const listeners = new Set<() => void>();
let session = restore();
let timer = 0;
endInTime();

function restore(): Session | undefined {
  const stored: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
  return isSession(stored) && stored.expiresAt > Date.now() ? stored : undefined;
}

function isSession(value: unknown): value is Session {
  return typeof value === 'object' && value !== null && 'token' in value && 'expiresAt' in value;
}

function endInTime(): void {
  clearTimeout(timer);
  if (session !== undefined) timer = window.setTimeout(signOut, session.expiresAt - Date.now());
}

function change(next: Session | undefined): void {
  session = next;
  if (next === undefined) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, JSON.stringify(next));
  endInTime();
  for (const listener of listeners) listener();
}

/** The session, unless it has expired. */
export const currentSession = (): Session | undefined => session;

/** Calls `listener` after each change. Returns the function that ends this. */
export function onSessionChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A new session in the server's reply. */
export interface OpenedSession {
  readonly username: string;
  readonly token: string;
  readonly refreshToken?: string | undefined;
  /** Seconds. */
  readonly expiresIn: number;
}

/** Uses this session from now on and ends the one before. */
export function takeSession({ username, token, refreshToken, expiresIn }: OpenedSession): void {
  void end(session);
  change({ username, token, refreshToken, expiresAt: Date.now() + expiresIn * 1_000 });
}

/** @throws {Error} with a message for people */
export async function signIn({ username, password }: typeof DEMO_CUSTOMER): Promise<void> {
  const reply = await post('/login', { username, password });
  const body = await reply.json();
  if (reply.status === 401)
    throw new Error(`This system has no account ${username} with the demo password; npm start creates it.`);
  if (!reply.ok) throw new Error(body.detail);
  takeSession({
    username,
    token: body.token,
    refreshToken: body.refresh_token,
    expiresIn: body.expires_in,
  });
}

/** Drops the session at once, and ends it on the server. */
export function signOut(): void {
  void end(session);
  change(undefined);
}

async function end(ended: Session | undefined): Promise<void> {
  if (ended?.refreshToken === undefined) return;
  // When the server does not answer, the session ends when it expires.
  await post('/logout', { refresh_token: ended.refreshToken }).catch(() => undefined);
}

const post = (path: string, body: object): Promise<Response> =>
  fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    // The user may leave the page before the reply.
    keepalive: true,
  });
