// The system of clients.test.ts, with the demo data, and the folder of the clients.
import { secretsUsed } from '../support/client.ts';
import { useSystem, whileTestsRun } from '../support/use-system.ts';
import { openWorkshop } from './workshop.ts';

secretsUsed.add('demo-password-2026');

export const system = useSystem({ seeded: true });
export const workshop = whileTestsRun(
  () => openWorkshop(system.url),
  (opened) => opened.close(),
);
