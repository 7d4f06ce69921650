// Opens and closes the port of a server.
import type { Server } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** Opens the port. Resolves to its number. */
export function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

/** Accepts no new connection. Resolves when the last connection has ended after its reply. */
export async function closeGently(app: FastifyInstance): Promise<void> {
  // Connections that become idle while the server closes would keep it open.
  const sweep = setInterval(() => app.server.closeIdleConnections(), 100);
  try {
    await app.close();
  } finally {
    clearInterval(sweep);
  }
}
