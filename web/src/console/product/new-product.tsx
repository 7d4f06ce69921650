import { useMutation } from '@apollo/client/react';
import { useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { CreateProductDocument } from '../../generated/operations.ts';
import { newKey } from '../ui/new-key.ts';
import { Notice } from '../ui/notice.tsx';
import { given, problemText } from '../ui/problem.ts';
import { useAction } from '../ui/use-action.ts';
import { type Draft, EMPTY } from './draft.ts';
import { ProductFields } from './fields.tsx';

export function Component() {
  const [draft, setDraft] = useState(EMPTY);
  // One key for one input: sent again after a fault, it creates one product.
  const [key, setKey] = useState(newKey);
  const [create] = useMutation(CreateProductDocument, {
    update: (cache) => {
      cache.evict({ fieldName: 'products' });
    },
  });
  const navigate = useNavigate();
  const action = useAction();
  const change = (changed: Draft) => {
    setDraft(changed);
    setKey(newKey());
  };
  const save = () =>
    action.run(async () => {
      const { name, description, price, stock } = draft;
      const { data } = await create({
        variables: {
          input: { name, description: description || null, price, stock: Number(stock), idempotencyKey: key },
        },
      });
      const result = given(data?.createProduct);
      if (result.__typename !== 'Product') return problemText(result);
      await navigate(`/products/${result.id}`);
      return undefined;
    });
  return (
    <>
      <title>New product – Holdfast</title>
      <header className="heading">
        <div>
          <Link to="/">← Catalogue</Link>
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
        <ProductFields draft={draft} onChange={change} />
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
