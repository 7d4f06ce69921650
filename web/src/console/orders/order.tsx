import { useQuery } from '@apollo/client/react';
import { useEffect } from 'react';
import { Link, useParams } from 'react-router';
import { type OrderDetailsFragment, OrderDocument } from '../../generated/operations.ts';
import { useIsStaff } from '../session/use-session.ts';
import { Badge } from '../ui/badge.tsx';
import { errorMessage } from '../ui/error.ts';
import { formatTime, inWords } from '../ui/format.ts';
import { Notice } from '../ui/notice.tsx';
import { Steps } from './steps.tsx';

/** The interval at which the page reads an order that is not settled yet. */
const POLL_MS = 500;

export function Component() {
  const { id = '' } = useParams();
  const { data, error, startPolling, stopPolling } = useQuery(OrderDocument, {
    variables: { id },
    fetchPolicy: 'cache-and-network',
  });
  const order = data?.order;
  const pending = order?.status === 'PENDING';
  useEffect(() => {
    if (pending) startPolling(POLL_MS);
    return stopPolling;
  }, [pending, startPolling, stopPolling]);

  return (
    <>
      <title>{`Order ${id} – Holdfast`}</title>
      <header className="heading">
        <div>
          <Link to="/orders">← Orders</Link>
          <h1>Order {id}</h1>
        </div>
        {order && <Badge of={order.status} />}
      </header>
      <Notice kind="problem">
        {error
          ? errorMessage(error)
          : order === null && 'There is no order with this number that you may see.'}
      </Notice>
      {order && (
        <div className="columns">
          <section className="card stack" aria-label="History">
            <h2>History</h2>
            <History order={order} />
          </section>
          <aside className="stack">
            <Facts order={order} />
            <Steps key={order.status} order={order} />
          </aside>
        </div>
      )}
    </>
  );
}

function Facts({ order }: { order: OrderDetailsFragment }) {
  const { product, user, rejection } = order;
  const isStaff = useIsStaff();
  return (
    <section className="card" aria-label="Order">
      <dl>
        <dt>Product</dt>
        <dd>{product ? <Link to={`/products/${product.id}`}>{product.name}</Link> : '–'}</dd>
        <dt>Units</dt>
        <dd>
          {order.quantity} × {order.unitPrice} = <strong>{order.totalPrice}</strong>
        </dd>
        <dt>Customer</dt>
        <dd>{user && isStaff ? <Link to={`/accounts/${user.id}`}>{user.username}</Link> : user?.username}</dd>
        <dt>Version</dt>
        <dd>{order.version}</dd>
        {rejection && (
          <>
            <dt>Rejected because</dt>
            <dd>
              {inWords(rejection.code)}, {rejection.available} were left
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}

function History({ order }: { order: OrderDetailsFragment }) {
  return (
    <ol className="history">
      {order.history.map(({ status, version, at, actor, reason }) => (
        <li key={version}>
          <Badge of={status} />
          <span>
            {actor === null
              ? 'by the system'
              : `by ${actor.user?.username ?? `account ${actor.id}`} (${inWords(actor.role)})`}
          </span>
          <time dateTime={at}>{formatTime(at)}</time>
          {reason !== null && <blockquote>{reason}</blockquote>}
        </li>
      ))}
    </ol>
  );
}
