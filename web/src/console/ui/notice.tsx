import type { ReactNode } from 'react';

/** A message that screen readers say when it appears. Nothing is shown without `children`. */
export function Notice({ kind, children }: { kind: 'problem' | 'done' | 'info'; children: ReactNode }) {
  if (children === undefined || children === null || children === false) return null;
  return (
    <p className={`notice ${kind}`} role={kind === 'problem' ? 'alert' : 'status'}>
      {children}
    </p>
  );
}
