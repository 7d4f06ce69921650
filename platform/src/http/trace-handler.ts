// Answers each request in a span of its own (OpenTelemetry), errors included.
import type { Span } from '@opentelemetry/api';
import { isServerError } from '../errors.ts';
import { startRequestSpan } from '../observability/tracing.ts';
import type { OnError, RouteHandler } from './exchanges.ts';
import type { Reply } from './reply.ts';
import type { HttpRequest } from './request.ts';

/**
 * Returns a handler that answers each request in a span of its own. The errors of `handler` become replies through `onError`, so
 * that the span has their status. While traces are off, `handler` answers and rejects as without this function.
 */
export function traceHandler(handler: RouteHandler, onError: OnError): RouteHandler {
  return (request, parameters) => {
    const span = startRequestSpan(request.method, request.headers['traceparent'], () => ({
      'http.request.method': request.method,
      'url.path': request.path,
    }));
    if (span === undefined) return handler(request, parameters);
    request.trail.trace = { trace_id: span.traceId, span_id: span.spanId };
    return span.run(async (span, fail) => {
      const reply = await answer();
      describe(span, request, reply);
      if (hasFailed(request, reply)) fail();
      return reply;
    });

    async function answer(): Promise<Reply> {
      try {
        return await handler(request, parameters);
      } catch (error) {
        return onError(error, request);
      }
    }
  };
}

function describe(span: Span, { method, trail }: HttpRequest, reply: Reply): void {
  // The name is the template of the route, because with paths there would be one name for each product.
  if (trail.route !== undefined) span.updateName(`${method} ${trail.route}`);
  span.setAttribute('http.response.status_code', reply.status);
  if (trail.operation !== undefined) span.setAttribute('graphql.operation.name', trail.operation);
}

/** A GraphQL reply has the status 200 even with errors. */
const hasFailed = ({ trail, signal }: HttpRequest, { status }: Reply): boolean =>
  !signal.aborted && (status >= 500 || isServerError(trail.code));
