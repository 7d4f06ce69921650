// `npm run keys:service`: prints a new key of a service, and its public half, for the settings of the same names.
import { publicHalfOf } from '@holdfast/platform/auth/service-keys';
import { makeServiceKey } from '../settings/secrets.ts';

const key = makeServiceKey();
console.log(
  `SERVICE_KEY=${key}\nits part of SERVICE_PUBLIC_KEYS, behind the name of the service: ${publicHalfOf(key)}`,
);
