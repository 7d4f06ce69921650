import { useMutation } from '@apollo/client/react';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { DeleteProductDocument } from '../../generated/operations.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Notice } from '../ui/notice.tsx';
import { given, problemText } from '../ui/problem.ts';
import { useAction } from '../ui/use-action.ts';

interface DeleteProductProps {
  readonly id: string;
  readonly name: string;
  readonly version: number;
}

export function DeleteProduct({ id, name, version }: DeleteProductProps) {
  const [asked, setAsked] = useState(false);
  const [remove] = useMutation(DeleteProductDocument);
  const navigate = useNavigate();
  const action = useAction();
  const confirm = () =>
    action.run(async () => {
      const { data } = await remove({
        variables: { id, expectedVersion: version },
        // All cached lists drop the product.
        update: (cache) => {
          cache.evict({ id: cache.identify({ __typename: 'Product', id }) });
          cache.evict({ fieldName: 'products' });
        },
      });
      const result = given(data?.deleteProduct);
      if (result.__typename !== 'ProductDeleted') return problemText(result);
      await navigate('/');
      return undefined;
    });
  return (
    <>
      <button type="button" className="danger" onClick={() => setAsked(true)}>
        Delete
      </button>
      {asked && (
        <Dialog title={`Delete ${name}?`} onClose={() => setAsked(false)}>
          <p>The product leaves the catalog. Its orders still show it.</p>
          <Notice kind="problem">{action.problem}</Notice>
          <div className="actions">
            <button type="button" className="danger" disabled={action.busy} onClick={confirm}>
              Delete
            </button>
            <button type="button" onClick={() => setAsked(false)}>
              Keep
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
