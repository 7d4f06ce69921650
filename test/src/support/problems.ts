// The form of every error of REST (RFC 9457).
import { expect } from '@jest/globals';
import type { Reply } from './client.ts';

/** Expects a problem with that status, that code and the id of the request. */
export function expectProblem(reply: Reply, status: number, code: string): void {
  expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(reply.body).toMatchObject({ status, code, title: expect.any(String), detail: expect.any(String) });
  expect(reply.body.request_id).toBe(reply.headers.get('x-request-id'));
  expect(reply.status).toBe(status);
}

/** The fields that a problem names, in alphabetical order. */
export const fieldsOf = (body: { errors: { field: string }[] }): string[] =>
  body.errors.map(({ field }) => field).sort();
