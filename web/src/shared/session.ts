// Who is signed in on the pages of this browser tab. It goes when the tab is closed; its tokens stand nowhere else.
import type { DEMO_CUSTOMER } from './offers.ts';

export interface Session {
  readonly username: string;
  readonly token: string;
  /** Ends the session. Undefined when it was opened without asking for it. */
  readonly refreshToken: string | undefined;
  /** As `Date.now()` has it. */
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

/** Calls `listener` after each change. Gives what ends that. */
export function onSessionChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A session as the server opens it. */
export interface OpenedSession {
  readonly username: string;
  readonly token: string;
  readonly refreshToken?: string | undefined;
  /** Seconds. */
  readonly expiresIn: number;
}

/** Takes over a session, and ends the one before. */
export function takeSession({ username, token, refreshToken, expiresIn }: OpenedSession): void {
  void end(session);
  change({ username, token, refreshToken, expiresAt: Date.now() + expiresIn * 1_000 });
}

/** @throws {Error} with a message for people */
export async function signIn({ username, password }: typeof DEMO_CUSTOMER): Promise<void> {
  const reply = await post('/login', { username, password });
  const body = await reply.json();
  if (reply.status === 401)
    throw new Error(`There is no account ${username} with the demo's password here: npm start makes one.`);
  if (!reply.ok) throw new Error(body.detail);
  takeSession({
    username,
    token: body.token,
    refreshToken: body.refresh_token,
    expiresIn: body.expires_in,
  });
}

/** Forgets the session at once, and ends it on the server. */
export function signOut(): void {
  void end(session);
  change(undefined);
}

async function end(ended: Session | undefined): Promise<void> {
  if (ended?.refreshToken === undefined) return;
  // Where the server does not answer, the session ends when its time is over.
  await post('/logout', { refresh_token: ended.refreshToken }).catch(() => undefined);
}

const post = (path: string, body: object): Promise<Response> =>
  fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    // The page may be left in the meantime.
    keepalive: true,
  });
