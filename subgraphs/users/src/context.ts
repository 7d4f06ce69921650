// What every resolver gets: who asks, the request's own loader, and the domain.
import type { RequestContext } from '@holdfast/platform/graphql/server';
import DataLoader from 'dataloader';
import type { AccountStore } from './data/accounts.ts';
import type { Account, Register } from './domain/accounts.ts';
import type { Administration } from './domain/administration.ts';
import type { ChangePassword } from './domain/change-password.ts';
import type { ConfirmLogin } from './domain/confirm-login.ts';
import type { EmailSteps } from './domain/email-steps.ts';
import type { ListAccounts, ListAuditEvents } from './domain/lists.ts';
import type { Login } from './domain/login.ts';
import type { Sessions } from './domain/sessions.ts';

/** What lives as long as the service. */
export interface Domain {
  readonly register: Register;
  readonly login: Login;
  readonly confirmLogin: ConfirmLogin;
  readonly sessions: Sessions;
  readonly changePassword: ChangePassword;
  readonly administration: Administration;
  readonly listAccounts: ListAccounts;
  readonly listAuditEvents: ListAuditEvents;
  readonly emailSteps: EmailSteps;
  /** By username or e-mail address; null where there is no such account. */
  readonly findAccount: (name: string) => Promise<Account | null>;
}

export interface Context extends RequestContext, Domain {
  /** Batched and remembered for one request; null where there is no such account. */
  readonly accounts: DataLoader<number, Account | null>;
}

export const createContext = (base: RequestContext, domain: Domain, accounts: AccountStore): Context => ({
  ...base,
  ...domain,
  accounts: new DataLoader((ids) => accounts.byIds(ids)),
});
