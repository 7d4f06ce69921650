// Traces by OpenTelemetry. They are off unless OTEL_EXPORTER_OTLP_ENDPOINT is set, and then every function here costs one comparison.
// The spans are made where all work passes: HTTP, SQL, Redis, jobs, and the execution of an operation in the gateway.
import type { Attributes, Context, Span, Tracer } from '@opentelemetry/api';
import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import type { Sampler } from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import { z } from 'zod';
import { limitTime } from '../time-limit.ts';

/** The samplers, by their names in the OpenTelemetry specification (SDK environment variables). */
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** OpenTelemetry's standard settings. The exporter itself reads further ones (OTEL_EXPORTER_OTLP_HEADERS, …). */
export const tracingSettings = {
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(
      'Where traces are sent (OTLP over HTTP), such as `http://collector:4318`. Without it there are no traces.',
    ),
  OTEL_TRACES_SAMPLER: z
    .enum(SAMPLERS)
    .default('parentbased_always_on')
    .describe('Which requests are traced. With `parentbased_`, a traced caller decides.'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number()
    .min(0)
    .max(1)
    .default(1)
    .meta({ unit: 'share', description: 'The share of requests that `traceidratio` traces.' }),
  OTEL_BSP_SCHEDULE_DELAY: z.coerce
    .number()
    .int()
    .min(1)
    .default(5_000)
    .meta({ unit: 'ms', description: 'How long spans are collected before they are sent together.' }),
};
const settingsObject = z.object(tracingSettings);
export type TracingSettings = z.output<typeof settingsObject>;

type Api = typeof import('@opentelemetry/api');

/** Undefined while traces are off, so that a service without traces does not load OpenTelemetry. */
let tracing: (Api & { readonly tracer: Tracer }) | undefined;

/** How long a process that ends waits for the collector, which may be away or hang. */
const LAST_SPANS_MS = 2_000;
/** Callers choose the names of operations and paths, and spans wait in memory. */
const MAX_ATTRIBUTE_LENGTH = 256;

/** Starts to send spans to `endpoint` (OTLP over HTTP). Returns a function that sends the last spans and stops. */
export async function startTracing(
  service: string,
  endpoint: string,
  settings: Omit<TracingSettings, 'OTEL_EXPORTER_OTLP_ENDPOINT'>,
  log: Logger,
): Promise<() => Promise<void>> {
  const [
    api,
    sdk,
    { OTLPTraceExporter },
    { resourceFromAttributes },
    { AsyncLocalStorageContextManager },
    core,
  ] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/core'),
  ]);
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` });
  logLosses(api, exporter, log);
  const scheduledDelayMillis = settings.OTEL_BSP_SCHEDULE_DELAY;
  const provider = new sdk.TracerProvider({
    resource: resourceFromAttributes({ 'service.name': service, 'service.namespace': 'holdfast' }),
    sampler: samplerOf(sdk, settings),
    spanProcessors: [new sdk.BatchSpanProcessor({ exporter, scheduledDelayMillis })],
    spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE_LENGTH },
  });
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  api.propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  tracing = { ...api, tracer: provider.getTracer('holdfast') };
  return () =>
    limitTime(
      LAST_SPANS_MS,
      provider.shutdown().catch(() => undefined),
      () => undefined,
    );
}

function samplerOf(
  sdk: typeof import('@opentelemetry/sdk-trace'),
  {
    OTEL_TRACES_SAMPLER: name,
    OTEL_TRACES_SAMPLER_ARG: ratio,
  }: Pick<TracingSettings, 'OTEL_TRACES_SAMPLER' | 'OTEL_TRACES_SAMPLER_ARG'>,
): Sampler {
  if (name.endsWith('always_on')) return ofParent(new sdk.AlwaysOnSampler());
  if (name.endsWith('always_off')) return ofParent(new sdk.AlwaysOffSampler());
  return ofParent(new sdk.TraceIdRatioBasedSampler(ratio));

  function ofParent(root: Sampler): Sampler {
    return name.startsWith('parentbased_') ? new sdk.ParentBasedSampler({ root }) : root;
  }
}

/** Logs when the collector begins to fail and when it is back, because the exporter does not. */
function logLosses({ context, ROOT_CONTEXT }: Api, exporter: OTLPTraceExporter, log: Logger): void {
  const send = exporter.export.bind(exporter);
  let failing = false;
  exporter.export = (spans, done) =>
    send(spans, (result) => {
      const fails = result.error !== undefined;
      // The log line must not belong to the trace that happened to fill the batch.
      context.with(ROOT_CONTEXT, () => {
        if (fails && !failing) log.warn({ err: result.error }, 'traces cannot be sent and are lost');
        if (!fails && failing) log.info('traces are sent again');
      });
      failing = fails;
      done(result);
    });
}

/** The ids of the active span, for a log line; empty outside of a trace. */
export function traceIds(): { trace_id?: string; span_id?: string } {
  const ids = tracing?.trace.getActiveSpan()?.spanContext();
  return ids ? { trace_id: ids.traceId, span_id: ids.spanId } : {};
}

/** The header fields by which the spans of the called service join this trace (W3C Trace Context). */
export function traceHeaders(): Record<string, string> {
  const headers: Record<string, string> = {};
  if (tracing) tracing.propagation.inject(tracing.context.active(), headers, tracing.defaultTextMapSetter);
  return headers;
}

/** The active span as a `traceparent` for a job; null outside of a trace. */
export const traceparent = (): string | null => traceHeaders()['traceparent'] ?? null;

/**
 * The caller's trace, read from its `traceparent` only: ids and flags of a fixed length, which are parsed and written anew.
 * `tracestate` and `baggage` are ignored, because they would be forwarded unchanged to every service.
 */
const parentOf = ({ propagation, ROOT_CONTEXT, defaultTextMapGetter }: Api, traceparent: unknown): Context =>
  propagation.extract(ROOT_CONTEXT, { traceparent }, defaultTextMapGetter);

async function inSpan<Result>(
  { context, trace, SpanStatusCode }: Api,
  span: Span,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await context.with(trace.setSpan(context.active(), span), work);
  } catch (error) {
    // The name of the error only, because its message may contain input of a caller.
    span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : 'unknown' });
    throw error;
  } finally {
    span.end();
  }
}

/** Runs a call of another service or store in a span of the present trace; outside of a trace, without a span. */
export function traceCall<Result>(
  name: string,
  attributes: Attributes,
  call: () => Promise<Result>,
): Promise<Result> {
  if (tracing?.trace.getActiveSpan() === undefined) return call();
  const { tracer, SpanKind } = tracing;
  return inSpan(tracing, tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }), call);
}

/** Runs a job as part of the trace that added it. */
export function traceJob(name: string, payload: unknown, run: () => Promise<void>): Promise<void> {
  if (tracing === undefined) return run();
  const api = tracing;
  const { tracer, SpanKind, context } = api;
  const sent = z.object({ traceparent: z.string() }).safeParse(payload);
  const parent = parentOf(api, sent.data?.traceparent);
  const attributes = { 'messaging.system': 'graphile-worker', 'messaging.destination.name': name };
  const span = tracer.startSpan(`job ${name}`, { kind: SpanKind.CONSUMER, attributes }, parent);
  return context.with(parent, () => inSpan(api, span, run));
}

/** The span of one request that a server answers. */
export interface RequestSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Runs `work` in the span and ends the span. `work` may add facts about the reply to the span, and may call `fail`. */
  run<Result>(work: (span: Span, fail: () => void) => Promise<Result>): Promise<Result>;
}

/** Starts the span of a request in the trace that its `traceparent` names. Undefined, without a call of `attributesOf`, while traces are off. */
export function startRequestSpan(
  name: string,
  traceparent: unknown,
  attributesOf: () => Attributes,
): RequestSpan | undefined {
  if (tracing === undefined) return undefined;
  const api = tracing;
  const { tracer, SpanKind, SpanStatusCode, context } = api;
  const parent = parentOf(api, traceparent);
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes: attributesOf() }, parent);
  const { traceId, spanId } = span.spanContext();
  const fail = () => void span.setStatus({ code: SpanStatusCode.ERROR });
  return {
    traceId,
    spanId,
    run: (work) => context.with(parent, () => inSpan(api, span, () => work(span, fail))),
  };
}
