// What the resolvers of one request get: the request, the domain, and dataloaders that live as long as the request.
import type { RequestContext } from '@holdfast/platform/graphql/server';
import DataLoader from 'dataloader';
import type { Account, Domain } from './domain.ts';

export interface Context extends RequestContext, Domain {
  /** One account by id; null when there is none. One statement for all ids. */
  readonly accounts: DataLoader<number, Account | null>;
}

export const createContext = (base: RequestContext, domain: Domain): Context => ({
  ...base,
  ...domain,
  accounts: new DataLoader(domain.readAccounts),
});
