// The tests render k8s/ as a cluster would get it, with kustomize alone or with the one in kubectl.
import { execFile } from 'node:child_process';

export const NEEDED_MAJOR = 5;

/** Whether a kustomize that is new enough is installed. Sets HOLDFAST_TEST_KUSTOMIZE, by which the tests call it. */
export async function findKustomize() {
  const [kubectl, kustomize] = await Promise.all([
    outputOf('kubectl', ['version', '--client']),
    outputOf('kustomize', ['version']),
  ]);
  const major = (text, pattern) => Number(pattern.exec(text)?.[1] ?? 0);
  if (major(kubectl, /Kustomize Version: v(\d+)\./) >= NEEDED_MAJOR)
    process.env.HOLDFAST_TEST_KUSTOMIZE = 'kubectl kustomize';
  else if (major(kustomize, /v(\d+)\./) >= NEEDED_MAJOR)
    process.env.HOLDFAST_TEST_KUSTOMIZE = 'kustomize build';
  else return false;
  return true;
}

/** What a program writes to its standard output; '' when it fails or is not installed. */
function outputOf(command, args) {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 20_000 }, (error, stdout) => resolve(error ? '' : stdout));
  });
}
