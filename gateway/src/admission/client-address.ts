// The address that a request is counted by.

import { networkOf } from '@holdfast/platform/http/network';
import type { HttpRequest } from '@holdfast/platform/http/server';

type AddressedRequest = Pick<HttpRequest, 'remoteAddress' | 'headers'>;

/**
 * The network of the client: an IPv4 address, or the /64 of an IPv6 one, which is what a single customer is given.
 * Each proxy appends to X-Forwarded-For whom it got the request from; only what the `trustedProxies` nearest ones
 * wrote is believed, because the caller may have written the rest.
 */
export function clientAddress({ remoteAddress, headers }: AddressedRequest, trustedProxies: number): string {
  const header = headers['x-forwarded-for'] ?? '';
  const forwarded = trustedProxies === 0 || header === '' ? [] : String(header).split(',');
  const believed = forwarded.slice(-trustedProxies).map(networkOf);
  // A proxy that hides its client stands for it.
  const nearest = networkOf(remoteAddress) ?? 'unknown';
  return believed.reduceRight<string>((known, address) => address ?? known, nearest);
}
