// REST: what an order looks like going out and coming in.

import { allHandled } from '@holdfast/platform/validation';
import { z } from 'zod';
import {
  type GetOrderQuery,
  OrderActorRole,
  type OrderFieldsFragment,
  OrderRejectionCode,
  OrderStatus,
} from '../../../generated/operations.ts';
import { entityTag } from '../../entity-tag.ts';
import { ID_EXAMPLE, id, idInput, shownId } from '../../ids.ts';
import { present } from '../../operation.ts';
import { amount, dateTime, PAGE_PARAMETERS, times, version } from '../../schema.ts';

const status = z.enum(OrderStatus).meta({ description: `one of ${Object.values(OrderStatus).join(', ')}` });

const rejection = z
  .strictObject({
    code: z.enum(OrderRejectionCode),
    available: z.int32().min(0).meta({
      description:
        'Units that were available at that moment; 0 for a product that was no longer in the catalog.',
    }),
    limit: z.int32().min(1).nullable().meta({
      description: 'For PURCHASE_LIMIT: the limit that the order exceeded. Null for the other reasons.',
    }),
    held: z.int32().min(0).nullable().meta({
      description:
        "For PURCHASE_LIMIT: the units of the customer's other open orders, which the limit counted too.",
    }),
  })
  .nullable()
  .meta({ description: 'Why the order was rejected; null for an order that was not rejected.' });

export const order = z
  .strictObject({
    id,
    user_id: id.meta({ description: 'The customer.' }),
    product_id: id.meta({ description: 'The product.' }),
    quantity: z.int32().min(1).meta({ description: 'How many units were ordered.' }),
    unit_price: amount.meta({ description: 'The price of one unit when the order was placed.' }),
    total_price: amount,
    status,
    rejection,
    version,
    ...times,
  })
  .meta({ id: 'Order' });

const actor = z
  .strictObject({
    user_id: id,
    role: z.enum(OrderActorRole).meta({ description: 'The role of the user at that moment.' }),
  })
  .nullable()
  .meta({
    description: 'The user who changed the status; null for the system, which confirms and rejects orders.',
  });

const reason = z.string().nullable().meta({
  description: 'The reason for the cancellation; null when none was given.',
});

export const detailedOrder = order
  .extend({
    history: z
      .array(
        z.strictObject({
          status,
          version,
          at: dateTime.meta({ description: 'When the status changed.' }),
          actor,
          reason,
        }),
      )
      .meta({ description: 'Every status that the order has had, oldest first.' }),
  })
  .meta({ id: 'DetailedOrder' });

export type Order = z.infer<typeof order>;

/** An order as REST gives it: the table's columns, amounts as numbers. */
export function toOrderBody(fields: OrderFieldsFragment): Order {
  const { id, user, product, quantity, unitPrice, totalPrice, ...more } = fields;
  const { status, rejection, version, createdAt, updatedAt, ...rest } = more;
  allHandled(rest);
  return {
    id: shownId(id),
    user_id: shownId(present(user).id),
    product_id: shownId(present(product).id),
    quantity,
    unit_price: Number(unitPrice),
    total_price: Number(totalPrice),
    status,
    rejection,
    version,
    created_at: createdAt,
    updated_at: updatedAt,
  };
}

/** One order with every status that it has had, oldest first. */
export function detailedRepresentation({
  history,
  ...fields
}: NonNullable<GetOrderQuery['order']>): z.infer<typeof detailedOrder> {
  const steps = history.map(({ actor, ...step }) => ({
    ...step,
    actor: actor && { user_id: shownId(actor.id), role: actor.role },
  }));
  return { ...toOrderBody(fields), history: steps };
}

/** For its owner and staff only: no cache keeps it, not even a browser's. */
export const PRIVATE_CACHE = { 'cache-control': 'no-store' };

export const headersOfOrder = ({ version }: OrderFieldsFragment) => ({
  etag: entityTag(version),
  ...PRIVATE_CACHE,
});

export const newOrder = z
  .strictObject({
    product_id: idInput('the id of a product'),
    quantity: z.int().min(1).max(10_000).meta({ description: 'a whole number of 1 to 10000' }),
  })
  .meta({ id: 'NewOrder', examples: [{ product_id: ID_EXAMPLE, quantity: 1 }] });

/** What may be said of a cancellation. */
export const cancellation = z
  .strictObject({
    reason: z.string().optional().meta({
      description:
        'the reason, 1 to 500 characters, which the customer sees in the history; required for staff',
    }),
  })
  .meta({ id: 'Cancellation', examples: [{ reason: 'Ordered by mistake.' }] });

const step = z.enum([OrderStatus.SHIPPED, OrderStatus.DELIVERED]);

/** What staff make of an order. */
export const orderStep = z
  .strictObject({ status: step.meta({ description: step.options.join(' or ') }) })
  .meta({ id: 'OrderStep', examples: [{ status: OrderStatus.SHIPPED }] });

export const listParameters = z.strictObject({
  ...PAGE_PARAMETERS,
  status: status.optional(),
  scope: z.enum(['own', 'all']).default('own').meta({ description: 'own, or, for staff, all' }),
  user_id: idInput('the id of a user, with scope=all').optional(),
});

export const PREFER = z
  .string()
  .optional()
  .meta({
    description:
      '`wait=N`: wait up to N seconds, at most 10, for the order to be settled; `respond-async`: do not wait.',
    examples: ['respond-async', 'wait=5'],
  });
