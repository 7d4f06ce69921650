// After a test run: stops its servers and removes its files.
import { releaseServer } from './server.ts';
import { withdrawSharedSystem } from './shared-system.ts';

export default async function globalTeardown(): Promise<void> {
  try {
    await withdrawSharedSystem();
  } finally {
    await releaseServer();
  }
}
