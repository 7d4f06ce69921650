import { expect, it } from '@jest/globals';
import { tracedCall, tracedJob, traceHeaders, traceIds, traceparent } from './tracing.ts';

it('is nothing at all while traces are off', async () => {
  const result = Promise.resolve('the call itself');
  expect(tracedCall('call', {}, () => result)).toBe(result);
  const run = Promise.resolve();
  expect(tracedJob('job', { traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01` }, () => run)).toBe(run);
  expect([traceIds(), traceHeaders(), traceparent()]).toEqual([{}, {}, null]);
});
