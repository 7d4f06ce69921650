// Traces: off, and with a caller whose trace headers the service does not trust.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { createLogger } from '../observability/log.ts';
import {
  startTracing,
  traceCall,
  traceHeaders,
  traceIds,
  traceJob,
  traceparent,
  tracingSettings,
} from '../observability/tracing.ts';
import { createHttpServer, type HttpServer } from './server.ts';
import { traceHandler } from './trace-handler.ts';

describe('tracing', () => {
  it('has no ids and no header fields while traces are off', async () => {
    const result = Promise.resolve('the call itself');
    expect(traceCall('call', {}, () => result)).toBe(result);
    const run = Promise.resolve();
    expect(traceJob('job', { traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` }, () => run)).toBe(
      run,
    );
    expect([traceIds(), traceHeaders(), traceparent()]).toEqual([{}, {}, null]);
  });
});

// With traces on: the part of an unknown caller's trace that reaches other services. The collector is away, which stops no request.
describe('the trace of an unknown caller', () => {
  const log = createLogger('test', 'silent');
  const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
  const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`;
  const STRANGE = { tracestate: 'vendor=secret', baggage: 'user=alice,debug=true' };

  let stop: () => Promise<void>;
  let http: HttpServer;
  let url: string;

  beforeAll(async () => {
    stop = await startTracing('test', 'http://127.0.0.1:1', z.object(tracingSettings).parse({}), log);
    const onError = () => ({ status: 500 });
    const handler = traceHandler(
      async () => ({ status: 200, body: JSON.stringify(traceHeaders()) }),
      onError,
    );
    http = createHttpServer({ handler, onError, log, timeoutMs: 5_000 });
    url = `http://127.0.0.1:${await http.listen(0, '127.0.0.1')}/`;
  });
  afterAll(async () => {
    await http.close();
    await stop();
  });

  /** The header fields with which a request with these would call another service. */
  const forwarded = async (headers: Record<string, string>) =>
    JSON.parse(await (await fetch(url, { headers })).text());

  it('is forwarded as a traceparent of the same trace, without tracestate and baggage', async () => {
    for (const headers of [{ traceparent: TRACEPARENT }, { traceparent: TRACEPARENT, ...STRANGE }])
      expect(await forwarded(headers)).toEqual({
        traceparent: expect.stringMatching(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`)),
      });
    expect(await forwarded(STRANGE)).toEqual({ traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-/) });
  });

  it.each([
    'x'.repeat(10_000),
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `ff-${TRACE}-00f067aa0ba902b7-01`,
    `00-${TRACE}-00f067aa0ba902b7-01-more`,
    `${TRACEPARENT}, ${TRACEPARENT}`,
    TRACEPARENT.toUpperCase(),
  ])('is not forwarded when its traceparent is malformed: %.60s', async (traceparent) => {
    const headers = await forwarded({ traceparent });
    expect(headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(headers.traceparent).not.toContain(TRACE);
  });

  it('is forwarded to jobs in the same way', async () => {
    let headers: unknown;
    await traceJob('job', { traceparent: TRACEPARENT, ...STRANGE }, async () => {
      headers = traceHeaders();
    });
    expect(headers).toEqual({ traceparent: expect.stringMatching(new RegExp(`^00-${TRACE}-`)) });
  });
});
