import { useMutation } from '@apollo/client/react';
import { useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { CreateProductDocument } from '../../generated/operations.ts';
import { Notice } from '../ui/notice.tsx';
import { given, problemText } from '../ui/problem.ts';
import { useAction } from '../ui/use-action.ts';
import { useIntentKey } from '../ui/use-intent-key.ts';
import { EMPTY } from './draft.ts';
import { ProductFields } from './fields.tsx';

export function Component() {
  const [draft, setDraft] = useState(EMPTY);
  const key = useIntentKey();
  const [create] = useMutation(CreateProductDocument, {
    update: (cache) => {
      cache.evict({ fieldName: 'products' });
    },
  });
  const navigate = useNavigate();
  const action = useAction();
  const save = () =>
    action.run(async () => {
      const { name, description, price, stock } = draft;
      const input = { name, description: description || null, price, stock: Number(stock) };
      const { data } = await create({
        variables: { input: { ...input, idempotencyKey: key.of(JSON.stringify(input)) } },
      });
      const result = given(data?.createProduct);
      key.settle();
      if (result.__typename !== 'Product') return problemText(result);
      await navigate(`/products/${result.id}`);
      return undefined;
    });
  return (
    <>
      <title>New product – Holdfast</title>
      <header className="heading">
        <div>
          <Link to="/">← Catalog</Link>
          <h1>New product</h1>
        </div>
      </header>
      <form
        className="card stack narrow"
        aria-label="Product"
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        <ProductFields draft={draft} onChange={setDraft} />
        <div className="actions">
          <button type="submit" className="primary" disabled={action.busy}>
            {action.busy ? 'Saving …' : 'Create'}
          </button>
        </div>
        <Notice kind="problem">{action.problem}</Notice>
      </form>
    </>
  );
}
