import { useQuery } from '@apollo/client/react';
import { Link, useParams } from 'react-router';
import { ProductDocument } from '../../generated/operations.ts';
import { errorMessage } from '../ui/error.ts';
import { formatTime } from '../ui/format.ts';
import { Notice } from '../ui/notice.tsx';
import { DeleteProduct } from './delete-product.tsx';
import { Editor } from './editor.tsx';
import { OrderForm } from './order-form.tsx';
import { Stock } from './stock.tsx';

/** The interval at which a visible page reads the product again. */
const POLL_MS = 2_000;

export function Component() {
  const { id = '' } = useParams();
  const { data, previousData, error } = useQuery(ProductDocument, {
    variables: { id },
    fetchPolicy: 'cache-and-network',
    pollInterval: POLL_MS,
    skipPollAttempt: () => document.hidden,
  });
  // A failed reading leaves the editor and its text unchanged.
  const product = (data ?? previousData)?.product;
  if (product === null) return <Gone />;
  return (
    <>
      <title>{`${product?.name ?? 'Product'} – Holdfast`}</title>
      <header className="heading">
        <div>
          <Link to="/">← Catalog</Link>
          <h1>{product?.name ?? '…'}</h1>
        </div>
      </header>
      <Notice kind="problem">{error && errorMessage(error)}</Notice>
      {product && (
        <div className="columns">
          <Editor key={product.id} product={product} />
          <aside className="stack">
            <Stock id={product.id} stock={product.stock} />
            <OrderForm productId={product.id} />
            <section className="card stack">
              <dl>
                <dt>Version</dt>
                <dd>{product.version}</dd>
                <dt>Created</dt>
                <dd>{formatTime(product.createdAt)}</dd>
                <dt>Changed</dt>
                <dd>{formatTime(product.updatedAt)}</dd>
              </dl>
              <DeleteProduct id={product.id} name={product.name} version={product.version} />
            </section>
          </aside>
        </div>
      )}
    </>
  );
}

function Gone() {
  return (
    <section className="card stack">
      <h1>There is no such product</h1>
      <p>It was never in the catalog, or it has been deleted.</p>
      <Link to="/">The catalog</Link>
    </section>
  );
}
