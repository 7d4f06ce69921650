// Starts our gateway as in a deployment: the real program in its own process, with its settings.
import { findFreePort } from '@holdfast/local/processes/ports';
import { forkProgram, type Program, programOf } from './child.ts';
import { subgraphUrl } from './stubs/schemas.ts';
import { ISSUER } from './tokens.ts';

/** The limits are on and count every request, but are never reached. */
const HIGH_LIMITS = ['user', 'address', 'invalid'].map((name) => `${name}=1000000/1m`).join(',');
const READY_WITHIN_MS = 120_000;

export interface OurGatewayOptions {
  /** The URL of the stubs. */
  readonly stubs: string;
  readonly supergraphFile: string;
  /** Settings that differ from those of a deployment. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
}

export interface OurGateway extends Program {
  /** The URL of its metrics, without a path. */
  readonly opsUrl: string;
  /** From the start of the process to the first good answer of `/readyz`. */
  readonly readyMs: number;
}

const makeSettings = (
  { stubs, supergraphFile, settings }: OurGatewayOptions,
  port: number,
  opsPort: number,
) => ({
  PORT: String(port),
  OPS_PORT: String(opsPort),
  HOST: '127.0.0.1',
  JWT_ISSUER: ISSUER,
  JWT_AUDIENCE: ISSUER,
  // The stubs do not verify signatures.
  SERVICE_KEY: 'x'.repeat(43),
  SUPERGRAPH_FILE: supergraphFile,
  USERS_URL: subgraphUrl(stubs, 'users'),
  PRODUCTS_URL: subgraphUrl(stubs, 'products'),
  ORDERS_URL: subgraphUrl(stubs, 'orders'),
  JWKS_URL: `${stubs}/jwks`,
  RATE_LIMITS: HIGH_LIMITS,
  ...settings,
});

/** Starts it and waits until it is ready. @throws when it ends before that, or is not ready in two minutes */
export async function startOurGateway(options: OurGatewayOptions): Promise<OurGateway> {
  const port = await findFreePort();
  const opsPort = await findFreePort(new Set([port]));
  const startedAt = performance.now();
  const child = forkProgram('../../gateway/src/main.ts', {
    env: makeSettings(options, port, opsPort),
    ...(options.nodeArgs && { nodeArgs: options.nodeArgs }),
  });
  const program = programOf(child, `http://127.0.0.1:${port}`);
  while (!(await isReady(`http://127.0.0.1:${opsPort}/readyz`))) {
    if (child.exitCode !== null) throw new Error(`the gateway ended with ${child.exitCode}`);
    if (performance.now() - startedAt > READY_WITHIN_MS) throw new Error('the gateway does not become ready');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { ...program, opsUrl: `http://127.0.0.1:${opsPort}`, readyMs: performance.now() - startedAt };
}

const isReady = (url: string): Promise<boolean> =>
  fetch(url).then(
    async (reply) => {
      await reply.arrayBuffer();
      return reply.status === 200;
    },
    () => false,
  );
