import { useApolloClient } from '@apollo/client/react';
import { useEffect, useState } from 'react';
import { Link } from 'react-router';
import { OrderFlowDocument, type OrderFlowQuery } from '../../generated/operations.ts';
import { Badge } from '../ui/badge.tsx';
import { errorMessage } from '../ui/error.ts';
import { formatTime } from '../ui/format.ts';
import { Notice } from '../ui/notice.tsx';
import { countSettled, type Look, type Rate } from './settled.ts';

const LOOK_EVERY_MS = 1_000;
/** The width of the chart, in seconds. */
const CHART_SIZE = 60;
const SHOWN = 12;

interface Flow {
  readonly orders: readonly Order[];
  readonly pending: string;
  /** Oldest first. */
  readonly rates: readonly Rate[];
  readonly look: Look;
}

type Order = NonNullable<OrderFlowQuery['latest']>['edges'][number]['node'];

/** Pending and settled orders, read once a second while the page is open. */
export function Component() {
  const { flow, error } = useFlow();
  const rate = flow?.rates.at(-1);
  return (
    <>
      <title>Live orders – Holdfast</title>
      <header className="heading">
        <h1>Live orders</h1>
        <span className="muted">Updated once a second</span>
      </header>
      <Notice kind="problem">{error}</Notice>
      <div className="figures">
        <section className="card">
          <h2>Pending now</h2>
          <p className="figure" data-testid="pending">
            {flow?.pending ?? '–'}
          </p>
        </section>
        <section className="card">
          <h2>Settled per second</h2>
          <p className="figure" data-testid="settled">
            {rate === undefined ? '–' : rateText(rate)}
          </p>
        </section>
        <section className="card chart">
          <h2>The last minute</h2>
          <Chart rates={flow?.rates ?? []} />
        </section>
      </div>
      <div className="card rows">
        <table>
          <thead>
            <tr>
              <th className="number">Order</th>
              <th>Status</th>
              <th className="number">Units</th>
              <th className="number">Total</th>
              <th className="time wide">Placed</th>
            </tr>
          </thead>
          <tbody>
            {flow?.orders.map((order) => (
              <tr key={order.id}>
                <td className="number">
                  <Link to={`/orders/${order.id}`}>{order.id}</Link>
                </td>
                <td>
                  <Badge of={order.status} />
                </td>
                <td className="number">{order.quantity}</td>
                <td className="number">{order.totalPrice}</td>
                <td className="wide">{formatTime(order.createdAt)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

function useFlow(): { flow: Flow | undefined; error: string | undefined } {
  const client = useApolloClient();
  const [flow, setFlow] = useState<Flow>();
  const [error, setError] = useState<string>();
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let left = false;
    const look = async () => {
      try {
        if (!document.hidden) {
          // The cache is not used, because each of these lists is shown only once.
          const { data } = await client.query({ query: OrderFlowDocument, fetchPolicy: 'no-cache' });
          if (data !== undefined) setFlow((before) => nextFlow(before, data, performance.now()));
          setError(undefined);
        }
      } catch (error) {
        setError(errorMessage(error));
      }
      if (!left) timer = setTimeout(look, LOOK_EVERY_MS);
    };
    void look();
    return () => {
      left = true;
      clearTimeout(timer);
    };
  }, [client]);
  return { flow, error };
}

function nextFlow(before: Flow | undefined, { latest, pending }: OrderFlowQuery, atMs: number): Flow {
  const orders = latest?.edges.map(({ node }) => node) ?? [];
  const look = { latest: orders, atMs };
  const rates = before === undefined ? [] : [...before.rates, countSettled(before.look, look)];
  return {
    orders: orders.slice(0, SHOWN),
    pending: `${pending?.edges.length ?? 0}${pending?.pageInfo.hasNextPage ? '+' : ''}`,
    rates: rates.slice(-CHART_SIZE),
    look,
  };
}

const rateText = ({ perSecond, atLeast }: Rate): string => `${atLeast ? '≥ ' : ''}${perSecond.toFixed(1)}`;

function Chart({ rates }: { rates: readonly Rate[] }) {
  const most = Math.max(1, ...rates.map(({ perSecond }) => perSecond));
  return (
    <svg viewBox={`0 0 ${CHART_SIZE} 20`} preserveAspectRatio="none" role="img">
      <title>{`Settled orders a second, at most ${most.toFixed(1)}`}</title>
      {rates.map(({ perSecond }, index) => {
        const height = (perSecond * 20) / most;
        // biome-ignore lint/suspicious/noArrayIndexKey: bars have no identity but their place
        return <rect key={index} x={index} y={20 - height} width={0.8} height={height} />;
      })}
    </svg>
  );
}
