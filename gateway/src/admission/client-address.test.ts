// Whom a request is counted by: what the caller writes must not matter, what trusted proxies write must.
import { describe, expect, it } from '@jest/globals';
import { clientAddress } from './client-address.ts';

const of = (remoteAddress: string, forwarded?: string, trustedProxies = 0) =>
  clientAddress(
    { remoteAddress, headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded } },
    trustedProxies,
  );

describe('the address of the client', () => {
  it('is the other end of the connection unless a proxy is trusted', () => {
    expect(of('192.0.2.1')).toBe('192.0.2.1');
    expect(of('192.0.2.1', '198.51.100.7, 203.0.113.9')).toBe('192.0.2.1');
  });

  it('is believed as many hops back as are trusted, and no further', () => {
    expect(of('192.0.2.1', 'forged, 203.0.113.9', 1)).toBe('203.0.113.9');
    expect(of('192.0.2.1', '198.51.100.7, 203.0.113.9', 1)).toBe('203.0.113.9');
    expect(of('192.0.2.1', '10.9.8.7, 198.51.100.7, 203.0.113.9', 2)).toBe('198.51.100.7');
    expect(of('192.0.2.1', '203.0.113.9', 3)).toBe('203.0.113.9');
  });

  it('is the nearest one known where a trusted proxy names none', () => {
    expect(of('192.0.2.1', undefined, 1)).toBe('192.0.2.1');
    expect(of('192.0.2.1', 'unknown', 1)).toBe('192.0.2.1');
    expect(of('192.0.2.1', 'unknown, 203.0.113.9', 2)).toBe('203.0.113.9');
    expect(of('', undefined, 0)).toBe('unknown');
  });

  it('has no port, brackets or zone', () => {
    expect(of('192.0.2.1', '203.0.113.9:4711', 1)).toBe('203.0.113.9');
    expect(of('192.0.2.1', '[2001:db8::1]:4711', 1)).toBe('2001:db8:0:0::/64');
    expect(of('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
  });

  it('is the /64 of an IPv6 address, whichever way it is written', () => {
    const network = '2001:db8:1:2::/64';
    for (const address of ['2001:db8:1:2::1', '2001:0DB8:0001:0002:ffff:ffff:ffff:ffff', '2001:db8:1:2:3::'])
      expect(of(address)).toBe(network);
    expect(of('2001:db8:1:3::1')).not.toBe(network);
    expect(of('::1')).toBe('0:0:0:0::/64');
  });

  it('is the IPv4 address that an IPv6 one stands for', () => {
    expect(of('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(of('::FFFF:c000:201')).toBe('192.0.2.1');
  });
});
