/** One order, as large as the injector's: what generators that cannot vary their bodies send. */
export const CONSTANT_BODY = JSON.stringify({
  id: '01970000-0000-7000-8000-000000000000',
  type: 'order_placed',
  store: 'store-01',
  product: 'latte',
  amount: 2.65,
  timestamp: '2026-01-01T00:00:00.000Z',
})
