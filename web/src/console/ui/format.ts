const WHEN = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
const COUNT = new Intl.NumberFormat();

export const formatTime = (instant: string): string => WHEN.format(new Date(instant));
export const formatCount = (count: number): string => COUNT.format(count);

/** `PURCHASE_LIMIT` as "purchase limit". */
export const inWords = (code: string): string => code.toLowerCase().replaceAll('_', ' ');
