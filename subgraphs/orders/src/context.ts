// What the resolvers of one request get: the request, the domain, and dataloaders that live as long as the request.
import type { User, Viewer } from '@holdfast/platform/auth/viewer';
import type { RequestContext } from '@holdfast/platform/graphql/server';
import DataLoader from 'dataloader';
import type { Domain, Order, OrderEvent } from './domain.ts';

/** The key of an entity whose other fields another subgraph resolves. */
export interface EntityKey {
  readonly id: number;
}

export interface Context extends RequestContext, Domain {
  /** One order by id, of any customer; null when there is none. Check `maySee` before you show it. One statement for all ids. */
  readonly orders: DataLoader<number, Order | null>;
  /** The history of an order by its id, oldest event first. One statement for all ids. */
  readonly histories: DataLoader<number, OrderEvent[]>;
  /** The viewer, if it may place orders. @throws {AppError} as `requireUser`; FORBIDDEN */
  readonly requireBuyer: (viewer: Viewer) => User;
}

export const createContext = (
  base: RequestContext,
  domain: Domain,
  requireBuyer: Context['requireBuyer'],
): Context => ({
  ...base,
  ...domain,
  requireBuyer,
  orders: new DataLoader(domain.readOrders),
  histories: new DataLoader(domain.readHistories),
});
