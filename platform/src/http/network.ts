// Whom an address belongs to, as far as it can be told.
import { isIP, isIPv4 } from 'node:net';

/**
 * The IPv4 address, or the /64 of an IPv6 one, which is what a single customer is given. Undefined when the text holds
 * no address. Some proxies add the port.
 */
export function networkOf(text: string): string | undefined {
  // What the kernel gives, and so nearly every address, needs no trimming.
  if (isIPv4(text)) return text;
  const address = text
    .trim()
    .replace(/^\[([^\]]*)\](:\d+)?$/, '$1')
    .replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1')
    .replace(/%.*$/, '');
  if (isIPv4(address)) return address;
  return isIP(address) === 6 ? networkOfIPv6(address) : undefined;
}

function networkOfIPv6(address: string): string {
  // URLs have one spelling of each address: groups in hexadecimal, the longest run of zeros left out.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return mappedIPv4(groups) ?? `${groups.slice(0, 4).join(':')}::/64`;
}

/** The IPv4 address that an IPv6 one in `::ffff:0:0/96` stands for. */
function mappedIPv4(groups: readonly string[]): string | undefined {
  if (groups.slice(0, 6).join(':') !== '0:0:0:0:0:ffff') return undefined;
  return groups
    .slice(6)
    .map((group) => Number.parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.');
}
