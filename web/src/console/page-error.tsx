import { Link, useRouteError } from 'react-router';
import { Notice } from './ui/notice.tsx';

/** Replaces a page that failed, for example because its script could not be loaded. */
export function PageError() {
  const error = useRouteError();
  return (
    <section className="card stack">
      <h1>This page failed</h1>
      <Notice kind="problem">{error instanceof Error ? error.message : String(error)}</Notice>
      <button type="button" onClick={() => location.reload()}>
        Load it again
      </button>
    </section>
  );
}

export function NotFound() {
  return (
    <section className="card stack">
      <h1>Page not found</h1>
      <Link to="/">The catalog</Link>
    </section>
  );
}
