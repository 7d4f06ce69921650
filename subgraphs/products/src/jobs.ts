// The jobs that the products service handles: orders reserve, release and ship stock. A handler may run any number of times.
import { traceparent } from '@holdfast/platform/observability/tracing';
import { type JobHandler, payloadOf } from '@holdfast/platform/queue/queue';
import { z } from 'zod';
import type { Reservations } from './domain/reservations.ts';

const stockOrder = z.object({ orderId: z.int().positive(), productId: z.int32().positive() });
const reservable = stockOrder.extend({ userId: z.int32().positive(), quantity: z.int32().positive() });
const shipment = stockOrder.pick({ orderId: true });

/** Handlers by job name. */
export const createJobs = ({
  reserve,
  release,
  ship,
}: Reservations): Record<'reserve-stock' | 'release-stock' | 'ship-stock', JobHandler> => ({
  'reserve-stock': (payload, { priority }) =>
    reserve({ ...payloadOf(reservable, payload), trace: traceparent(), priority }),
  'release-stock': (payload) => release(payloadOf(stockOrder, payload)),
  'ship-stock': (payload) => ship(payloadOf(shipment, payload).orderId),
});
