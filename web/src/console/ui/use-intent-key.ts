import { useRef } from 'react';
import { newKey } from '../../shared/new-key.ts';

export interface IntentKey {
  /** The idempotency key of `intent`, which is what is to happen, as a text. It is the same one until `settle`. */
  of(intent: string): string;
  /** An outcome has come: the next intent is another one, even if it is alike. */
  settle(): void;
}

/** One key for one intent: when the reply was lost and the user presses again, it still happens once. */
export function useIntentKey(): IntentKey {
  const open = useRef<{ readonly intent: string; readonly key: string }>(undefined);
  return {
    of: (intent) => {
      if (open.current?.intent !== intent) open.current = { intent, key: newKey() };
      return open.current.key;
    },
    settle: () => {
      open.current = undefined;
    },
  };
}
