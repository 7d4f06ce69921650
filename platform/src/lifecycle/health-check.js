// The health check of a container, which Docker runs (`node /app/platform/src/lifecycle/health-check.js`) because an image has no shell
// and no curl. Its exit code is 0 when `/readyz` replies 200, and 1 otherwise; it prints the reply.
// It is plain JavaScript, because it starts every few seconds and stripping types would add half to its time.
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
