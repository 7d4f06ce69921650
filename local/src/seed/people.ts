// The accounts of a seeded shop.
import type { ShopPlan } from './plan.ts';
import { createRandom, type Random } from './random.ts';
import { FIRST_NAMES, LAST_NAMES, MAIL_DOMAINS } from './words.ts';

/** The name of account `number`. It depends on the plan only, so an existing account shows that its batch exists. */
export function usernameOf({ seed, tag }: ShopPlan, number: number): string {
  const random = createRandom(`${seed} account ${number}`);
  return `${random.pick(FIRST_NAMES)}.${random.pick(LAST_NAMES)}.${tag}.${number}`;
}

export const emailOf = (username: string, random: Random): string =>
  `${username}@${random.pick(MAIL_DOMAINS)}`;
