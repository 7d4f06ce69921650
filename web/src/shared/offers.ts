// The optional features of this gateway, which it writes into the page (gateway/src/pages/web-files.ts).

const OFFERS = new Set(document.documentElement.dataset['offers']?.split(' '));

export const hasDemo = OFFERS.has('demo');

/** The accounts of the demo data, which local/src/seed/seed.ts loads into an empty database. */
export const DEMO_CUSTOMER = { username: 'demo', password: 'demo-password-2026' };
export const DEMO_CLERK = { username: 'clerk', password: 'clerk-password-2026' };
