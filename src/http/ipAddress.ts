/** IP addresses as a limiter's key takes them. */

/**
 * The address that `text` has, in the one form for each; an IPv6 address as its network of `prefix` bits. Undefined where there is none.
 *
 * A provider gives each customer a whole /64 at least (RFC 6177), from which the customer may send with any of 2^64 addresses: by whole addresses a
 * limit would be none. An IPv4-mapped IPv6 address, which sockets that listen on both have, is the IPv4 address.
 */
export function networkOf(text: string, prefix: number): string | undefined {
  const mapped = text.startsWith('::ffff:') ? text.slice(7) : text; // as Node writes it
  if (IPV4.test(mapped)) return mapped.split('.').join('.'); // anew: a part of a text keeps all of it, and a key is kept
  const zone = text.indexOf('%');
  const address = canonical(zone === -1 ? text : text.slice(0, zone));
  if (address === undefined) return undefined;
  const groups = groupsOf(address);
  const [high, low] = [groups[6]!, groups[7]!];
  if (address.startsWith('::ffff:') && groups[5] === 0xffff) {
    return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
  }
  if (prefix === 128) return address;
  const kept = groups.slice(0, Math.ceil(prefix / 16)).map((group, i) => group & maskOf(prefix - 16 * i));
  return `${kept.map((group) => group.toString(16)).join(':')}${kept.length < 8 ? '::' : ''}/${prefix}`;
}

const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${OCTET}(?:\\.${OCTET}){3}$`);

/** An IPv6 address as RFC 5952 writes it. Every platform has a parser for them: that of URLs, which writes each address in one way. */
function canonical(text: string): string | undefined {
  if (!/^[\da-f:.]{2,45}$/i.test(text)) return undefined;
  try {
    return new URL(`http://[${text}]`).hostname.slice(1, -1);
  } catch {
    return undefined;
  }
}

/** Its eight numbers. */
function groupsOf(address: string): number[] {
  const [head = [], tail = []] = address.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const zeros = Array<string>(8 - head.length - tail.length).fill('0');
  return [...head, ...zeros, ...tail].map((group) => parseInt(group, 16));
}

/** Ones in the first `bits` of 16. */
function maskOf(bits: number): number {
  return bits >= 16 ? 0xffff : (0xffff << (16 - bits)) & 0xffff;
}
