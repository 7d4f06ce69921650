// What this gateway offers and others do not, as it says in the page (gateway/src/pages/web-files.ts).

const OFFERS = new Set(document.documentElement.dataset['offers']?.split(' '));

export const hasDemo = OFFERS.has('demo');

/** The accounts of the demo data, as local/src/seed/seed.ts puts them into an empty database. */
export const DEMO_CUSTOMER = { username: 'demo', password: 'demo-password-2026' };
export const DEMO_CLERK = { username: 'clerk', password: 'clerk-password-2026' };
