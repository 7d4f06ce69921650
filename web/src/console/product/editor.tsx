import { useMutation } from '@apollo/client/react';
import { useState } from 'react';
import { type ProductDetailsFragment, UpdateProductDocument } from '../../generated/operations.ts';
import { Notice } from '../ui/notice.tsx';
import { given, problemText } from '../ui/problem.ts';
import { useAction } from '../ui/use-action.ts';
import { Conflict } from './conflict.tsx';
import { changesFrom, type Draft, draftOf, isSame } from './draft.ts';
import { ProductFields } from './fields.tsx';

/**
 * Edits a product. A save is based on the version that was loaded when the typing began. When another user has saved since, the
 * editor shows the conflict and saves the user's choice with the version of the conflict.
 */
export function Editor({ product }: { product: ProductDetailsFragment }) {
  const [loaded, setLoaded] = useState(product);
  const [draft, setDraft] = useState(() => draftOf(product));
  const [theirs, setTheirs] = useState<ProductDetailsFragment>();
  const [savedVersion, setSavedVersion] = useState<number>();
  const [update] = useMutation(UpdateProductDocument);
  const action = useAction();

  const untouched = isSame(draft, draftOf(loaded));
  if (untouched && !action.busy && product.version > loaded.version) begin(product);

  function begin(from: ProductDetailsFragment) {
    setLoaded(from);
    setDraft(draftOf(from));
    setTheirs(undefined);
  }

  const save = (base: ProductDetailsFragment, mine: Draft) =>
    action.run(async () => {
      setSavedVersion(undefined);
      const { data } = await update({
        variables: {
          id: base.id,
          expectedVersion: base.version,
          input: changesFrom(draftOf(base), mine),
        },
      });
      const result = given(data?.updateProduct);
      if (result.__typename === 'VersionConflict') {
        setTheirs(result.current);
        return undefined;
      }
      if (result.__typename !== 'Product') return problemText(result);
      setLoaded(result);
      setTheirs(undefined);
      // Text that was typed during the save is now based on the saved version.
      setDraft((latest) => (latest === draft ? draftOf(result) : latest));
      setSavedVersion(result.version);
      return undefined;
    });

  if (theirs !== undefined)
    return (
      <Conflict
        key={theirs.version}
        loaded={loaded}
        theirs={theirs}
        yours={draft}
        busy={action.busy}
        problem={action.problem}
        onResolve={(chosen) => save(theirs, chosen)}
        onDiscard={() => begin(theirs)}
      />
    );
  return (
    <form
      className="card stack"
      aria-label="Product"
      onSubmit={(event) => {
        event.preventDefault();
        void save(loaded, draft);
      }}
    >
      <ProductFields draft={draft} onChange={setDraft} />
      <div className="actions">
        <button type="submit" className="primary" disabled={action.busy || untouched}>
          {action.busy ? 'Saving …' : 'Save'}
        </button>
        <button type="button" disabled={action.busy || untouched} onClick={() => begin(product)}>
          Undo
        </button>
        <span className="muted">Based on version {loaded.version}</span>
      </div>
      <Notice kind="problem">{action.problem}</Notice>
      <Notice kind="info">
        {!untouched &&
          product.version > loaded.version &&
          `The product now has version ${product.version}. If more than its stock has changed, saving shows the changes.`}
      </Notice>
      <Notice kind="done">{untouched && savedVersion && `Saved as version ${savedVersion}.`}</Notice>
    </form>
  );
}
