// After a test run: nothing of it is left.
import { releaseServer } from './server.ts';
import { withdrawSharedSystem } from './shared-system.ts';

export default async function globalTeardown(): Promise<void> {
  try {
    await withdrawSharedSystem();
  } finally {
    await releaseServer();
  }
}
