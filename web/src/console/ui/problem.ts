// The results of mutations: unions of the requested object and of problems.

interface Problem {
  readonly code: string;
  readonly message: string;
  readonly errors?: readonly { readonly field: string; readonly message: string }[];
}

/** The result of a mutation. It is null only together with an error, which Apollo Client throws. */
export function given<T>(result: T | null | undefined): T {
  if (result === null || result === undefined)
    throw new Error('The reply has neither a result nor an error.');
  return result;
}

/** The message of a problem, with the invalid fields. */
export function problemText({ message, errors = [] }: Problem): string {
  return [message, ...errors.map((error) => `${error.field}: ${error.message}`)].join(' ');
}

/** The message when the result is a problem, otherwise undefined. */
export const problemOf = (result: Problem | object): string | undefined =>
  'code' in result && 'message' in result ? problemText(result) : undefined;
