// Finds the network of an IP address, which stands for one customer of a provider.
import { isIP, isIPv4 } from 'node:net';

/**
 * The IPv4 address, or the /64 network of an IPv6 address, because providers give a /64 to each customer. Undefined when the text is
 * no address. A port is allowed, because some proxies add it.
 */
export function networkOf(text: string): string | undefined {
  // Nearly every address comes from the kernel and needs no trimming.
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
  // The URL class writes each address in one spelling: hexadecimal groups without the longest run of zeros.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after];
  return mappedIPv4(groups) ?? `${groups.slice(0, 4).join(':')}::/64`;
}

/** The IPv4 address inside an IPv6 address of `::ffff:0:0/96`. */
function mappedIPv4(groups: readonly string[]): string | undefined {
  if (groups.slice(0, 6).join(':') !== '0:0:0:0:0:ffff') return undefined;
  return groups
    .slice(6)
    .map((group) => Number.parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.');
}
