// `npm run keys:service`: prints a new private key of a service and its public key, for the settings of these names.
import { publicHalfOf } from '@holdfast/platform/auth/service-keys';
import { makeServiceKey } from '../settings/secrets.ts';

const key = makeServiceKey();
console.log(
  `SERVICE_KEY=${key}\npublic key, for SERVICE_PUBLIC_KEYS after the name of the service: ${publicHalfOf(key)}`,
);
