import { useSyncExternalStore } from 'react';
import { session } from '../client.ts';
import type { SessionState, SessionUser } from './session.ts';

export const useSessionState = (): SessionState => useSyncExternalStore(session.subscribe, session.state);

/** The signed-in user, for components inside Gate. */
export function useUser(): SessionUser {
  const state = useSessionState();
  if ('user' in state) return state.user;
  throw new Error('useUser() is for components inside of Gate.');
}

export const useIsStaff = (): boolean => useUser().role === 'STAFF';
