// Amounts of money: decimal strings with two decimals ("19.99"), DECIMAL(10,2) in PostgreSQL. Never floats.

/** Wider than the columns, so that a message can name a total that does not fit. The domain decides which amounts are allowed. */
const AMOUNT = /^(-?)(\d{1,12})(?:\.(\d{1,2}))?$/;

/** The largest amount that fits DECIMAL(10,2). */
export const MAX_AMOUNT = '99999999.99';

/** The canonical form of an amount, or undefined when `value` is no amount: at most two decimals, no exponent. */
export function parseMoney(value: unknown): string | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  const match = AMOUNT.exec(String(value));
  if (!match) return undefined;
  const [, sign = '', whole = '', cents = ''] = match;
  return `${sign}${BigInt(whole)}.${cents.padEnd(2, '0')}`;
}

/** `quantity` times a price of at least zero, exactly. */
export function totalOf(price: string, quantity: number): string {
  const cents = String(centsOf(price) * BigInt(quantity)).padStart(3, '0');
  return `${cents.slice(0, -2)}.${cents.slice(-2)}`;
}

/** Whether DECIMAL(10,2) can hold an amount of at least zero. */
export const fitsColumn = (amount: string): boolean => centsOf(amount) <= centsOf(MAX_AMOUNT);

function centsOf(amount: string): bigint {
  const canonical = parseMoney(amount);
  if (canonical === undefined) throw new TypeError(`expected an amount of money, got ${amount}`);
  return BigInt(canonical.replace('.', ''));
}
