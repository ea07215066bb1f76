import type { Caller } from '../../architecture.ts'

/** Names the customer of a request; the rate limit counts by it. */
export const CUSTOMER_HEADER = 'X-Customer'
const CUSTOMERS = 1_000

/**
 * 1,000 customers by Zipf's law: the first sends 13 % of all orders, the last one in 7,500. Only where somebody looks at who they are,
 * as the header costs the parser something in every request.
 */
export function customersFor({ rateLimit }: { rateLimit: string }): Caller[] {
  if (rateLimit === 'off') return []
  return Array.from({ length: CUSTOMERS }, (_, i) => ({ share: 1 / (i + 1), headers: { [CUSTOMER_HEADER]: `customer-${String(i + 1).padStart(4, '0')}` } }))
}
