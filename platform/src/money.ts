// Amounts of money: decimal strings with two decimals ("19.99"), numeric(10,2) in PostgreSQL. Never floats.

/** Up to numeric(14,2), the total of an order; what a price may be is for the domain to say. */
const AMOUNT = /^(-?)(\d{1,12})(?:\.(\d{1,2}))?$/;

/** The canonical form of an amount, or undefined when `value` is none: at most two decimals, no exponent. */
export function parseMoney(value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const match = AMOUNT.exec(String(value));
  if (!match) return undefined;
  const [, sign = '', whole = '', cents = ''] = match;
  return `${sign}${BigInt(whole)}.${cents.padEnd(2, '0')}`;
}
