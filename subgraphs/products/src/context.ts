// What the resolvers of one request get: the request, the domain, and dataloaders that live as long as the request.
import type { User, Viewer } from '@holdfast/platform/auth/viewer';
import type { RequestContext } from '@holdfast/platform/graphql/server';
import { wantsNoCache } from '@holdfast/platform/http/no-cache';
import DataLoader from 'dataloader';
import type { Domain, Product } from './domain.ts';

export interface Context extends RequestContext, Omit<Domain, 'readProducts'> {
  /** Products by id, deleted products included, in the order of `ids`, null where there is none. One statement. */
  readonly readProducts: (ids: readonly number[]) => Promise<readonly (Product | null)[]>;
  /** One product by id, deleted ones included; null when there is none. One statement for all ids. */
  readonly products: DataLoader<number, Product | null>;
  /** The viewer, if it may write the catalog. @throws {AppError} UNAUTHENTICATED; FORBIDDEN */
  readonly requireWriter: (viewer: Viewer) => User;
}

export function createContext(
  base: RequestContext,
  domain: Domain,
  requireWriter: Context['requireWriter'],
): Context {
  const { request } = base;
  const reading = { isPastCache: wantsNoCache(request), signal: request.signal };
  const readProducts: Context['readProducts'] = (ids) => domain.readProducts(ids, reading);
  return { ...base, ...domain, requireWriter, readProducts, products: new DataLoader(readProducts) };
}
