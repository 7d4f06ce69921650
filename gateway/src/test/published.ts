// For tests: the replies of REST without subgraphs: the OpenAPI document as the gateway publishes it, and unexpected errors.

import { ANONYMOUS } from '@holdfast/platform/auth/viewer';
import { createHttpServer } from '@holdfast/platform/http/server';
import { createLogger } from '@holdfast/platform/observability/log';
import { createReceived } from '../federation/reply-sizes.ts';
import { errorReply } from '../http/error-reply.ts';
import { answerUnknownPath, type ThroughList } from '../http/routes.ts';
import { addRest } from '../rest/rest.ts';

const log = createLogger('test', 'silent');

const execute = async (): Promise<never> => {
  throw new Error('this test executes no operation');
};

const through: ThroughList = (handle) => (request, parameters) =>
  handle(request, parameters, {
    request,
    address: '',
    viewer: ANONYMOUS,
    userId: undefined,
    counts: [],
    received: createReceived(),
  });

/** The reply to a GET. A call that executes an operation meets an unexpected error. */
export async function fetchReply(
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; text: string }> {
  const server = createHttpServer({
    routes: (app) => {
      app.register((scope) => addRest(scope, execute, through, () => ({ status: 204 })));
    },
    handler: answerUnknownPath,
    onError: (error, request) => errorReply(error, request, log),
    log,
    timeoutMs: 15_000,
  });
  const port = await server.listen(0, '127.0.0.1');
  try {
    const reply = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
    return { status: reply.status, text: await reply.text() };
  } finally {
    await server.close();
  }
}

export const fetchDocument = async () => JSON.parse((await fetchReply('/openapi.json')).text);
