// Problem details (RFC 9457): every problem that a REST call can have, and its reply.
import type { HttpRequest, Reply } from '@holdfast/platform/http/server';
import { z } from 'zod';

/** The problems by code, each with its status and its title. The `type` is `/problems/<code in kebab case>`. */
export const PROBLEMS = {
  BAD_USER_INPUT: [400, 'The request is not valid'],
  MALFORMED_JSON: [400, 'The body is not JSON in UTF-8'],
  INVALID_INPUT: [400, 'Some fields break a rule'],
  QUERY_TOO_COMPLEX: [400, 'The request is too complex'],
  UNAUTHENTICATED: [401, 'An access token is required'],
  INVALID_CREDENTIALS: [401, 'Wrong credentials'],
  FORBIDDEN: [403, 'Not allowed'],
  ACCOUNT_DISABLED: [403, 'The account is disabled'],
  NOT_FOUND: [404, 'No such path'],
  PRODUCT_NOT_FOUND: [404, 'No such product'],
  ORDER_NOT_FOUND: [404, 'No such order'],
  USER_NOT_FOUND: [404, 'No such user'],
  METHOD_NOT_ALLOWED: [405, 'Another method is expected'],
  REQUEST_TIMEOUT: [408, 'The request did not come in time'],
  USERNAME_TAKEN: [409, 'The username is taken'],
  EMAIL_TAKEN: [409, 'The e-mail address is taken'],
  LAST_STAFF: [409, 'The last staff account stays staff'],
  OWN_ACCOUNT: [409, 'Staff cannot disable their own account'],
  VERSION_CONFLICT: [409, 'The version was changed in the meantime'],
  OUT_OF_STOCK: [409, 'Not enough in stock'],
  PURCHASE_LIMIT: [409, 'More than one customer may order'],
  ORDER_NOT_CANCELLABLE: [409, 'The order cannot be cancelled'],
  ORDER_NOT_ADVANCEABLE: [409, 'The order cannot take that step'],
  PRECONDITION_FAILED: [412, 'A condition of the request does not hold'],
  CONTENT_TOO_LARGE: [413, 'The body is too large'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'Another media type is expected'],
  IDEMPOTENCY_KEY_REUSED: [422, 'The idempotency key was used for another request'],
  PRECONDITION_REQUIRED: [428, 'The version to change is needed'],
  LOGIN_LIMITED: [429, 'Too many logins have failed'],
  RATE_LIMITED: [429, 'Too many requests'],
  HEADERS_TOO_LARGE: [431, 'The header fields are too large'],
  INTERNAL_SERVER_ERROR: [500, 'Something went wrong on our side'],
  SERVICE_UNAVAILABLE: [503, 'A service is not answering'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ProblemCode = keyof typeof PROBLEMS;

export const isProblemCode = (code: unknown): code is ProblemCode =>
  typeof code === 'string' && Object.hasOwn(PROBLEMS, code);

export const statusOf = (code: ProblemCode): number => PROBLEMS[code][0];

/** `OUT_OF_STOCK` → `out-of-stock`, the last part of the problem's type. */
const problemName = (code: ProblemCode): string => code.toLowerCase().replaceAll('_', '-');

/** Members that help the caller to continue. */
const helpfulMembers = {
  current_version: z
    .int32()
    .min(1)
    .optional()
    .meta({ description: 'The version to read before the next try.' }),
  available: z.int32().min(0).optional().meta({ description: 'Units that were available at that moment.' }),
  limit: z.int32().min(1).optional().meta({ description: 'Units that one customer may order.' }),
  held: z.int32().min(0).optional().meta({
    description: "Units of the customer's other open orders, which the limit counts too.",
  }),
  errors: z
    .array(
      z.strictObject({
        field: z.string().meta({ description: 'The member or the parameter.' }),
        message: z.string().meta({ description: 'What was expected and what came.' }),
      }),
    )
    .optional()
    .meta({ description: 'One for each field that breaks a rule.' }),
};

export const PROBLEM = z
  .strictObject({
    type: z.string().meta({
      format: 'uri-reference',
      description: '`/problems/<name>`; leads to an explanation.',
    }),
    title: z.string().meta({ description: 'The kind of problem, for people.' }),
    status: z.int().min(400).max(599).meta({ description: 'The status of the reply.' }),
    detail: z.string().meta({ description: 'For people: what was expected and what came.' }),
    code: z
      .enum(Object.keys(PROBLEMS).filter(isProblemCode))
      .meta({ description: 'The kind of problem, for programs; it does not change.' }),
    request_id: z.string().meta({ description: 'The id of the request, for questions to the operator.' }),
    ...helpfulMembers,
  })
  .meta({ id: 'Problem', description: 'Problem details, RFC 9457.' });

type ProblemBody = z.infer<typeof PROBLEM>;

export type ProblemMembers = Pick<ProblemBody, keyof typeof helpfulMembers>;

export interface Problem {
  readonly kind: 'problem';
  readonly code: ProblemCode;
  /** A text for people: what was expected, and what came. */
  readonly detail: string;
  readonly members?: ProblemMembers;
  readonly headers?: Readonly<Record<string, string>>;
}

export function problem(
  code: ProblemCode,
  detail: string,
  members: ProblemMembers = {},
  headers: Readonly<Record<string, string>> = {},
): Problem {
  return { kind: 'problem', code, detail, members, headers };
}

const RETRY_AFTER_S = '1';

/** The challenge of RFC 6750, 3. It has `error="invalid_token"` when the request had a token. */
function challenge(code: ProblemCode, request: HttpRequest): string {
  const cameToken = code === 'UNAUTHENTICATED' && /^bearer /i.test(request.headers.authorization ?? '');
  return `Bearer realm="holdfast"${cameToken ? ', error="invalid_token"' : ''}`;
}

function headersOfProblem(code: ProblemCode, request: HttpRequest): Record<string, string> {
  const status = statusOf(code);
  return {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    ...(status === 401 && { 'www-authenticate': challenge(code, request) }),
    ...(status === 503 && { 'retry-after': RETRY_AFTER_S }),
  };
}

/** The reply of type `application/problem+json`. */
export function problemReply({ code, detail, members, headers }: Problem, request: HttpRequest): Reply {
  const [status, title] = PROBLEMS[code];
  request.trail.code = code;
  const body: ProblemBody = {
    type: `/problems/${problemName(code)}`,
    title,
    status,
    detail,
    code,
    request_id: request.requestId,
    ...members,
  };
  return {
    status,
    headers: { ...headersOfProblem(code, request), ...headers },
    body: JSON.stringify(body),
  };
}
