// The address that the limits count a request by.

import { networkOf } from '@holdfast/platform/http/network';
import type { HttpRequest } from '@holdfast/platform/http/server';

type AddressedRequest = Pick<HttpRequest, 'remoteAddress' | 'headers'>;

/**
 * The network of the client: an IPv4 address, or the /64 network of an IPv6 address, which providers assign to a single
 * customer. Each proxy appends the address of its client to X-Forwarded-For. The gateway trusts only what the
 * `trustedProxies` nearest proxies wrote, because the caller may have written the rest.
 */
export function clientAddress({ remoteAddress, headers }: AddressedRequest, trustedProxies: number): string {
  const header = headers['x-forwarded-for'] ?? '';
  const forwarded = trustedProxies === 0 || header === '' ? [] : String(header).split(',');
  const believed = forwarded.slice(-trustedProxies).map(networkOf);
  // When a trusted proxy does not name its client, the proxy is counted in place of the client.
  const nearest = networkOf(remoteAddress) ?? 'unknown';
  return believed.reduceRight<string>((known, address) => address ?? known, nearest);
}
