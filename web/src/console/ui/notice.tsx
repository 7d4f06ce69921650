import type { ReactNode } from 'react';

/** A message that screen readers announce. It is hidden without `children`. */
export function Notice({ kind, children }: { kind: 'problem' | 'done' | 'info'; children: ReactNode }) {
  if (children === undefined || children === null || children === false) return null;
  return (
    <p className={`notice ${kind}`} role={kind === 'problem' ? 'alert' : 'status'}>
      {children}
    </p>
  );
}
