import { useMutation } from '@apollo/client/react';
import { type ReactNode, useState } from 'react';
import { Link } from 'react-router';
import { PlaceOrderDocument, ProductDocument } from '../../generated/operations.ts';
import { Field } from '../ui/field.tsx';
import { Notice } from '../ui/notice.tsx';
import { given, problemText } from '../ui/problem.ts';
import { useAction } from '../ui/use-action.ts';
import { useIntentKey } from '../ui/use-intent-key.ts';

/** Orders the product for the signed-in user. */
export function OrderForm({ productId }: { productId: string }) {
  const [quantity, setQuantity] = useState('1');
  const key = useIntentKey();
  const [placed, setPlaced] = useState<ReactNode>();
  const [place] = useMutation(PlaceOrderDocument, {
    refetchQueries: [ProductDocument],
    update: (cache) => {
      cache.evict({ fieldName: 'orders' });
      cache.evict({ fieldName: 'allOrders' });
    },
  });
  const action = useAction();
  const order = () =>
    action.run(async () => {
      setPlaced(undefined);
      const { data } = await place({
        variables: { input: { productId, quantity: Number(quantity), idempotencyKey: key.of(quantity) } },
      });
      const result = given(data?.createOrder);
      key.settle();
      if (result.__typename !== 'Order') return problemText(result);
      setPlaced(
        <>
          <Link to={`/orders/${result.id}`}>Order {result.id}</Link>{' '}
          {result.status === 'PENDING' ? 'is accepted and will be confirmed or rejected' : 'is confirmed'}:{' '}
          {result.totalPrice}
        </>,
      );
      return undefined;
    });
  return (
    <form
      className="card stack"
      aria-label="Order"
      onSubmit={(event) => {
        event.preventDefault();
        void order();
      }}
    >
      <h2>Order</h2>
      <div className="inline">
        <Field
          label="Quantity"
          type="number"
          required
          min={1}
          max={10_000}
          value={quantity}
          onText={setQuantity}
        />
        <button type="submit" className="primary" disabled={action.busy}>
          {action.busy ? 'Ordering …' : 'Order'}
        </button>
      </div>
      <Notice kind="done">{placed}</Notice>
      <Notice kind="problem">{action.problem}</Notice>
    </form>
  );
}
