// The groups of calls in the REST contract, in the order of the reference.

/** The description of each group, in Markdown. */
export const TAGS = {
  Accounts: 'Registration, login and logout.',
  'Mailed links':
    'Verification and change of the e-mail address, and reset of the password. A mailed link has a token in its fragment. The token works once.',
  Products: 'The catalog. Every caller may read it. A change names the version that it is based on.',
  Orders: 'Orders and their status. Customers see their own orders, staff see all orders.',
  Administration: 'Administration of accounts by staff. The audit trail records every action.',
} as const;

export type Tag = keyof typeof TAGS;
