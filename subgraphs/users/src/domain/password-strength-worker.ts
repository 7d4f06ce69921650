// The thread that estimates passwords. Its dictionaries take about 30 MB.
import { parentPort } from 'node:worker_threads';
import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary as commonDictionary } from '@zxcvbn-ts/language-common';
import { dictionary, translations } from '@zxcvbn-ts/language-en';
import type { Estimated, ToEstimate } from './password-strength.ts';

const LEAST_SCORE = 3;

/** Words that users of this shop may choose for a password. */
const PRODUCT = ['holdfast'];

const estimator = new ZxcvbnFactory({
  dictionary: { ...commonDictionary, ...dictionary },
  graphs: adjacencyGraphs,
  translations,
  // Both limit the time, which grows with the square of the length and with the number of ways to read digits as letters. Without
  // them, a hostile password of 128 characters takes seconds. A password with a strong beginning is strong.
  maxLength: 32,
  l33tMaxSubstitutions: 8,
});

function estimate({ password, known }: ToEstimate): Estimated {
  const { score, feedback } = estimator.check(password, [...PRODUCT, ...known]);
  if (score >= LEAST_SCORE) return {};
  const words = [feedback.warning, ...feedback.suggestions].filter(Boolean).join(' ');
  return { error: words === '' ? 'Add more words that are less common.' : words };
}

parentPort?.on('message', (asked: ToEstimate) => parentPort?.postMessage(estimate(asked)));
