// The thread that judges passwords. What it holds of the dictionaries takes some 30 MB.
import { parentPort } from 'node:worker_threads';
import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary as commonDictionary } from '@zxcvbn-ts/language-common';
import { dictionary, translations } from '@zxcvbn-ts/language-en';
import type { Estimated, ToEstimate } from './password-strength.ts';

const LEAST_SCORE = 3;

/** Words that a person thinks of who makes a password for this shop. */
const PRODUCT = ['holdfast'];

const estimator = new ZxcvbnFactory({
  dictionary: { ...commonDictionary, ...dictionary },
  graphs: adjacencyGraphs,
  translations,
  // Both bound the time, which grows with the square of the length and with the ways to read digits as letters: a hostile
  // password of 128 characters takes seconds otherwise. What is hard to guess in its beginning is hard to guess.
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
