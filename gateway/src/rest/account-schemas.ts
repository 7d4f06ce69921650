// REST: what accounts and sessions look like going out and coming in.
import { dateTime, type NamedSchema, record, request, uuid, version } from './schema.ts';

export interface Account {
  readonly id: string;
  readonly username: string;
  readonly email: string | null;
  readonly role: string;
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export const ACCOUNT_FIELDS = 'id username email role version createdAt updatedAt';

export const representation = ({ createdAt, updatedAt, ...same }: Account) => ({
  ...same,
  created_at: createdAt,
  updated_at: updatedAt,
});

export const user: NamedSchema = {
  name: 'User',
  schema: record({
    id: uuid,
    username: { type: 'string', examples: ['ada'] },
    email: { type: ['string', 'null'], format: 'email', examples: ['ada@example.com'] },
    role: { type: 'string', enum: ['CUSTOMER', 'STAFF'] },
    version,
    created_at: dateTime,
    updated_at: dateTime,
  }),
};

export const session: NamedSchema = {
  name: 'Session',
  schema: record({
    token: { type: 'string', description: 'A JWT (RFC 9068) for `Authorization: Bearer`.' },
    token_type: { type: 'string', enum: ['Bearer'] },
    expires_in: { type: 'integer', minimum: 0, description: 'Seconds until the token expires.' },
    refresh_token: { type: 'string', description: 'Good for one use at /token/refresh.' },
  }),
};

const password = { type: 'string', format: 'password', writeOnly: true } as const;

export const registration: NamedSchema = {
  name: 'Registration',
  schema: request(
    {
      username: { type: 'string', description: '3 to 64 of letters, digits and _ . -', examples: ['ada'] },
      email: {
        type: 'string',
        format: 'email',
        description: 'an e-mail address',
        examples: ['ada@example.com'],
      },
      password: {
        ...password,
        description: '12 to 128 characters, not the username and none of the most common ones',
      },
    },
    ['username', 'email', 'password'],
  ),
};

export const credentials: NamedSchema = {
  name: 'Credentials',
  schema: request(
    {
      username: { type: 'string', description: 'the username or the e-mail address', examples: ['ada'] },
      password: { ...password, description: 'the password' },
    },
    ['username', 'password'],
  ),
};

export const refreshToken: NamedSchema = {
  name: 'RefreshToken',
  schema: request(
    { refresh_token: { type: 'string', writeOnly: true, description: 'the refresh token of a session' } },
    ['refresh_token'],
  ),
};
