// The tests render k8s/ as a cluster would get it: this makes sure that there is a kustomize, alone or in kubectl.
import { execFile } from 'node:child_process';
import { StepFailed, timed } from '../../local/src/setup/steps.mjs';
import { installPackages } from './programs.mjs';

const NEEDED_MAJOR = 5;

/**
 * Finds a kustomize, or installs Debian's kubectl when there is none and we may, and tells the tests how to call it, by
 * HOLDFAST_TEST_KUSTOMIZE. Throws StepFailed, saying what to do.
 */
export async function ensureKustomize() {
  const command = (await usable()) ?? (await installed());
  process.env.HOLDFAST_TEST_KUSTOMIZE = command;
}

async function installed() {
  if (process.getuid?.() !== 0 || (await output('apt-get', ['--version'])) === '') throw missing();
  try {
    await timed('installing kubectl', () => installPackages(['kubernetes-client']));
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    throw missing(`; installing it failed: ${error.message}`);
  }
  const command = await usable();
  if (command === undefined) throw missing("; the kubectl of this system's packages is older");
  return command;
}

/** The command that renders a folder, if there is one that is new enough. */
async function usable() {
  const [kubectl, kustomize] = await Promise.all([
    output('kubectl', ['version', '--client']),
    output('kustomize', ['version']),
  ]);
  const major = (text, pattern) => Number(pattern.exec(text)?.[1] ?? 0);
  if (major(kubectl, /Kustomize Version: v(\d+)\./) >= NEEDED_MAJOR) return 'kubectl kustomize';
  return major(kustomize, /v(\d+)\./) >= NEEDED_MAJOR ? 'kustomize build' : undefined;
}

function output(command, args) {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 20_000 }, (error, stdout) => resolve(error ? '' : stdout));
  });
}

function missing(why = '') {
  return new StepFailed(
    `the tests of k8s/ need kustomize ${NEEDED_MAJOR} or later, or a kubectl from 1.27 on, in PATH ` +
      `(https://kubectl.docs.kubernetes.io/installation/kustomize, https://kubernetes.io/docs/tasks/tools)${why}`,
  );
}
