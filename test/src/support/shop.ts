// The set-up of most suites: a running system, a client of it, and signed-in accounts. All of them are ready before the first test,
// and a test reads their members only then.
import { type Account, Client } from './client.ts';
import type { RunningSystem } from './running-system.ts';
import { createStaff } from './staff.ts';
import type { System, SystemOptions } from './system.ts';
import { useSharedSystem, useSystem, whileTestsRun } from './use-system.ts';

export interface Shop<Running extends RunningSystem> {
  readonly system: Running;
  readonly client: Client;
  /** A customer. */
  readonly account: Account;
}

/** Uses the shared system without an argument, and starts a system for this suite alone with one, even with `{}`. */
export function useShop(): Shop<RunningSystem>;
export function useShop(own: SystemOptions | (() => SystemOptions)): Shop<System>;
export function useShop(own?: SystemOptions | (() => SystemOptions)): Shop<RunningSystem> {
  const system = own === undefined ? useSharedSystem() : useSystem(own);
  const client = useClient(system);
  return { system, client, account: useAccount(client) };
}

/** A client of the gateway. */
export const useClient = (system: RunningSystem): Client => whileTestsRun(() => Client.of(system.url));

/** A new customer, signed in. */
export const useAccount = (client: Client): Account => whileTestsRun(() => client.account());

/** A new member of staff, signed in. */
export const useStaff = (system: RunningSystem, client: Client): Account =>
  whileTestsRun(() => createStaff(system, client));
