import type { ReactNode } from 'react';
import { session } from '../client.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Notice } from '../ui/notice.tsx';
import { SignIn } from './sign-in.tsx';
import { useSessionState } from './use-session.ts';

/**
 * Shows `children` to a signed-in user. Signing in does not change the address, so a link to an order still leads there. When the
 * session ends, a dialog above the page asks the user to sign in again, and the page keeps the typed text.
 */
export function Gate({ children }: { children: ReactNode }) {
  const state = useSessionState();
  // The same as in console.html before the script runs.
  if (state.status === 'starting' && state.error === undefined)
    return (
      <header className="top">
        <span className="brand">Holdfast</span>
      </header>
    );
  if (state.status === 'starting' || state.status === 'signedOut')
    return (
      <main className="sign-in card">
        <title>Sign in – Holdfast</title>
        <h1>Holdfast console</h1>
        {state.status === 'signedOut' ? <SignIn /> : <NotStarted error={state.error} />}
      </main>
    );
  return (
    <>
      {children}
      {state.status === 'expired' && (
        <Dialog title="Your session has ended">
          <p>Sign in again to continue. Your text is still there.</p>
          <SignIn again={state.user.username} />
          <button type="button" className="quiet" onClick={() => session.signOut()}>
            Leave
          </button>
        </Dialog>
      )}
    </>
  );
}

function NotStarted({ error }: { error: string | undefined }) {
  return (
    <>
      <Notice kind="problem">{error}</Notice>
      <button type="button" onClick={() => session.resume()}>
        Try again
      </button>
    </>
  );
}
