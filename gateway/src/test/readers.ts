// For tests: checks a body or a query by one schema, as Fastify does for a route.
import { AppError } from '@holdfast/platform/errors';
import { fastify } from 'fastify';
import type { z } from 'zod';
import { validatorCompiler } from '../rest/validation.ts';

/** Creates a function that checks JSON bodies. @throws {AppError} with an error for each field */
export function createBodyReader(schema: z.ZodObject): (value: unknown) => unknown {
  const validate = validatorCompiler({ schema, httpPart: 'body', method: 'POST', url: '/' });
  return (given) => {
    const checked = validate(given);
    if (typeof checked !== 'object' || 'then' in checked) throw new Error('a value or an error is expected');
    if (checked.error) throw checked.error;
    return checked.value;
  };
}

/** Creates a function that checks query strings, which Fastify parses. @throws {AppError} with an error for each parameter */
export function createQueryReader(schema: z.ZodObject): (query: string) => Promise<unknown> {
  const app = fastify();
  app.setValidatorCompiler(validatorCompiler);
  let error: unknown;
  let value: unknown;
  app.get('/', {
    schema: { querystring: schema },
    errorHandler: async (thrown) => {
      error = thrown;
    },
    handler: async (request) => {
      value = request.query;
    },
  });
  return async (query) => {
    error = undefined;
    await app.inject(`/?${query}`);
    if (error instanceof AppError) throw error;
    if (error !== undefined) throw new Error('another error', { cause: error });
    return value;
  };
}
