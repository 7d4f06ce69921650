import { useRef } from 'react';
import { makeKey } from '../../shared/make-key.ts';

export interface IntentKey {
  /** The idempotency key of `intent`, which describes the request as a text. The key stays the same until `settle`. */
  of(intent: string): string;
  /** The outcome is known. The next intent gets a new key, even when it has the same text. */
  settle(): void;
}

/** One key for one intent: when the reply is lost and the user clicks again, the server executes the request once. */
export function useIntentKey(): IntentKey {
  const open = useRef<{ readonly intent: string; readonly key: string }>(undefined);
  return {
    of: (intent) => {
      if (open.current?.intent !== intent) open.current = { intent, key: makeKey() };
      return open.current.key;
    },
    settle: () => {
      open.current = undefined;
    },
  };
}
