import { useQuery } from '@apollo/client/react';
import { Link, useSearchParams } from 'react-router';
import {
  AllOrdersDocument,
  MyOrdersDocument,
  type OrderInListFragment,
  OrderStatus,
} from '../../generated/operations.ts';
import { useIsStaff } from '../session/use-session.ts';
import { Badge } from '../ui/badge.tsx';
import { Choice } from '../ui/choice.tsx';
import { errorMessage } from '../ui/error.ts';
import { formatTime } from '../ui/format.ts';
import { LoadMore } from '../ui/load-more.tsx';
import { Notice } from '../ui/notice.tsx';

const PAGE_SIZE = 25;
const STATUSES = Object.values(OrderStatus);

interface ListedOrder extends OrderInListFragment {
  readonly user?: { readonly id: string; readonly username: string } | null;
}

interface OrderFilter {
  readonly status: OrderStatus | undefined;
  /** For staff: only the orders of this user. */
  readonly userId: string | undefined;
}

/** All orders for staff, their own for customers. */
export function Component() {
  const [parameters, setParameters] = useSearchParams();
  const status = STATUSES.find((known) => known === parameters.get('status'));
  const userId = parameters.get('user') ?? undefined;
  const choose = (chosen: OrderStatus | undefined) =>
    setParameters(
      (before) => {
        if (chosen === undefined) before.delete('status');
        else before.set('status', chosen);
        return before;
      },
      { replace: true },
    );
  const Orders = useIsStaff() ? AllOrders : MyOrders;
  return (
    <>
      <title>Orders – Holdfast</title>
      <header className="heading">
        <h1>Orders{userId !== undefined && ` of account ${userId}`}</h1>
        {userId !== undefined && <Link to="/orders">Orders of all accounts</Link>}
      </header>
      <div className="toolbar">
        <Choice label="Status" values={STATUSES} value={status} none="All" onChoose={choose} />
      </div>
      <Orders status={status} userId={userId} />
    </>
  );
}

function AllOrders({ status, userId }: OrderFilter) {
  const { data, previousData, error, fetchMore } = useQuery(AllOrdersDocument, {
    variables: { first: PAGE_SIZE, status, userId },
    fetchPolicy: 'cache-and-network',
  });
  const page = (data ?? previousData)?.allOrders;
  return (
    <>
      <Notice kind="problem">{error && errorMessage(error)}</Notice>
      <OrderTable orders={page?.edges.map(({ node }) => node) ?? []} withUser />
      <LoadMore
        page={page?.pageInfo}
        shown={page?.edges.length ?? 0}
        load={(after) => fetchMore({ variables: { after } })}
      />
    </>
  );
}

function MyOrders({ status }: OrderFilter) {
  const { data, previousData, error, fetchMore } = useQuery(MyOrdersDocument, {
    variables: { first: PAGE_SIZE, status },
    fetchPolicy: 'cache-and-network',
  });
  const page = (data ?? previousData)?.orders;
  return (
    <>
      <Notice kind="problem">{error && errorMessage(error)}</Notice>
      <OrderTable orders={page?.edges.map(({ node }) => node) ?? []} />
      <LoadMore
        page={page?.pageInfo}
        shown={page?.edges.length ?? 0}
        load={(after) => fetchMore({ variables: { after } })}
      />
    </>
  );
}

function OrderTable({ orders, withUser = false }: { orders: readonly ListedOrder[]; withUser?: boolean }) {
  return (
    <div className="card rows">
      <table>
        <thead>
          <tr>
            <th className="number">Order</th>
            <th className="short">Status</th>
            <th>Product</th>
            {withUser && <th className="short wide">Customer</th>}
            <th className="number wide">Units</th>
            <th className="number">Total</th>
            <th className="time wide">Placed</th>
          </tr>
        </thead>
        <tbody>
          {orders.map((order) => (
            <tr key={order.id}>
              <td className="number">
                <Link to={`/orders/${order.id}`}>{order.id}</Link>
              </td>
              <td>
                <Badge of={order.status} />
              </td>
              {/* When a service does not answer, its fields are unknown, but the order is shown. */}
              <td>{order.product?.name ?? '–'}</td>
              {withUser && <td className="wide">{order.user?.username ?? '–'}</td>}
              <td className="number wide">{order.quantity}</td>
              <td className="number">{order.totalPrice}</td>
              <td className="wide">{formatTime(order.createdAt)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
