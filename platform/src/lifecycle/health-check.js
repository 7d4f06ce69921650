// What Docker runs in a container of a service to ask whether it is ready: `node /app/platform/src/lifecycle/health-check.js`. An image has
// no shell and no curl. Ends with 0 when `/readyz` says yes; with 1, and what it said, otherwise.
// Plain JavaScript, because it is started every few seconds, and taking types out first would be a third of what it costs.
const ANSWER_WITHIN_MS = 5_000;

try {
  const url = `http://127.0.0.1:${process.env['OPS_PORT']}/readyz`;
  const reply = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  console.log(await reply.text());
  process.exitCode = reply.ok ? 0 : 1;
} catch (error) {
  console.error(error instanceof Error ? (error.cause ?? error) : error);
  process.exitCode = 1;
}

export {};
