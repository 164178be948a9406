/** The bodies of refusals: problem details (RFC 9457), of the types that draft-ietf-httpapi-ratelimit-headers-11 registers. */

export const PROBLEM_JSON = 'application/problem+json';

/** The caller is over its own limit. */
export function quotaExceeded(policy: string): string {
  return problem(429, 'quota-exceeded', 'Request cannot be satisfied as assigned quota has been exceeded', policy);
}

/** The service is full. */
export function reducedCapacity(policy: string): string {
  const title = 'Request cannot be satisfied due to temporary server capacity constraints';
  return problem(503, 'temporary-reduced-capacity', title, policy);
}

function problem(status: number, name: string, title: string, policy: string): string {
  const type = `https://iana.org/assignments/http-problem-types#${name}`;
  return JSON.stringify({ type, title, status, 'violated-policies': [policy] });
}
