// Checks all ports of a local stack before it starts, so that no service fails later on a port.
import { findPortError, type PortError } from '../processes/ports.ts';
import { HOST, type Ports, PROCESSES, portFormula } from '../settings/services.ts';

const REASONS: Record<PortError, readonly [one: string, several: string]> = {
  'in use': ['is in use', 'are in use'],
  blocked: [
    'is blocked: browsers and fetch refuse to call it (https://fetch.spec.whatwg.org/#port-blocking)',
    'are blocked: browsers and fetch refuse to call them (https://fetch.spec.whatwg.org/#port-blocking)',
  ],
  reserved: ['may be used by root only', 'may be used by root only'],
};

/** Throws one line that names each unusable port, its service, how it follows from PORT, and the reason. */
export async function checkPorts(ports: Ports): Promise<void> {
  const faulty = new Map<PortError, string[]>();
  for (const name of PROCESSES) {
    for (const kind of ['http', 'ops'] as const) {
      const port = ports[name][kind];
      const error = await findPortError(port, HOST);
      if (error === undefined) continue;
      const whose = `${port} (${name}${kind === 'ops' ? "'s ops port" : ''}, ${portFormula(name, kind)})`;
      faulty.set(error, [...(faulty.get(error) ?? []), whose]);
    }
  }
  if (faulty.size === 0) return;
  const said = [...faulty].map(([error, whose]) => {
    const [one, several] = REASONS[error];
    return whose.length === 1 ? `port ${whose[0]} ${one}` : `ports ${whose.join(', ')} ${several}`;
  });
  throw new Error(`${said.join('; ')}; set PORT to use other ports`);
}
