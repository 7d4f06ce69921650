// Opening and closing a server's port.
import type { Server } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** Resolves to the port, once it is open. */
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

/** Accepts nothing new, and resolves when the last connection has ended after its reply. */
export async function closeGently(app: FastifyInstance): Promise<void> {
  // Connections that become idle would keep the server open.
  const sweep = setInterval(() => app.server.closeIdleConnections(), 100);
  try {
    await app.close();
  } finally {
    clearInterval(sweep);
  }
}
