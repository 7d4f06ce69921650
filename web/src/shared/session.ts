// Who is signed in on the pages of this browser tab. It goes when the tab is closed; the token stands nowhere else.

export interface Session {
  readonly username: string;
  readonly token: string;
  /** As `Date.now()` has it. */
  readonly expiresAt: number;
}

/** As scripts/src/seed.ts puts it into an empty database. */
export const DEMO = { username: 'demo', password: 'demo-password-2026' };

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

/** Takes over a session that was opened in another way. @param expiresIn seconds */
export function takeToken(username: string, token: string, expiresIn: number): void {
  change({ username, token, expiresAt: Date.now() + expiresIn * 1_000 });
}

/** @throws {Error} with a message for people */
export async function signIn({ username, password }: typeof DEMO): Promise<void> {
  const reply = await fetch('/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password }),
  });
  const body = await reply.json();
  if (reply.status === 401)
    throw new Error(`There is no account ${username} with the demo's password here: npm start makes one.`);
  if (!reply.ok) throw new Error(body.detail);
  takeToken(username, body.token, body.expires_in);
}

export function signOut(): void {
  change(undefined);
}
