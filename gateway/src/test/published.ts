// For tests: the OpenAPI document as the gateway publishes it, without subgraphs.

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

/** The page at the path. */
async function fetchPage(path: string): Promise<string> {
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
    const reply = await fetch(`http://127.0.0.1:${port}${path}`);
    return await reply.text();
  } finally {
    await server.close();
  }
}

export const fetchDocument = async () => JSON.parse(await fetchPage('/openapi.json'));
