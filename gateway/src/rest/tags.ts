// The groups of calls in the REST contract, in the order of the reference.

/** The description of each group, in Markdown. */
export const TAGS = {
  Accounts: 'Opening an account, and signing in and out.',
  'Mailed links':
    'Verifying an address, another address, a forgotten password. A mailed link has a token in its fragment, which works once.',
  Products: 'The catalog. Anyone reads it; a change names the version that it was made from.',
  Orders: 'Placing orders, and what becomes of them. A customer sees their own, staff all.',
  Administration: 'How staff look after accounts. Every action is kept in the audit trail.',
} as const;

export type Tag = keyof typeof TAGS;
