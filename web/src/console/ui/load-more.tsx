import { Notice } from './notice.tsx';
import { useAction } from './use-action.ts';

interface LoadMoreProps {
  readonly page: { readonly hasNextPage: boolean; readonly endCursor: string | null } | undefined;
  readonly shown: number;
  readonly load: (after: string) => Promise<unknown>;
}

/** How many rows are shown, and the button for the next page, for as long as there is one. */
export function LoadMore({ page, shown, load }: LoadMoreProps) {
  const action = useAction();
  if (page === undefined) return null;
  const after = page.hasNextPage ? page.endCursor : null;
  return (
    <footer className="more">
      <span>{`${shown} shown${after === null ? ', that is all' : ''}`}</span>
      {after !== null && (
        <button
          type="button"
          disabled={action.busy}
          onClick={() => action.run(() => load(after).then(() => undefined))}
        >
          {action.busy ? 'Loading …' : 'Load more'}
        </button>
      )}
      <Notice kind="problem">{action.problem}</Notice>
    </footer>
  );
}
