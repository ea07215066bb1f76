/** One round of autocannon with a constant body. Arguments: port, connections, seconds. Prints answers per second. */
import autocannon from 'autocannon'

const [port, connections, seconds] = process.argv.slice(2).map(Number) as [number, number, number]
const body =
  '{"id":"01970000-0000-7000-8000-000000000000","type":"order_placed","store":"store-01","product":"latte","amount":2.65,"timestamp":"2026-01-01T00:00:00.000Z"}'
const options = { url: `http://127.0.0.1:${port}/api/bench/order`, method: 'POST', headers: { 'Content-Type': 'application/json' }, body, connections, pipelining: 1 } as const
await autocannon({ ...options, duration: 1 })
const result = await autocannon({ ...options, duration: seconds })
if (result.non2xx + result.errors > 0) throw new Error(`${result.non2xx} answers not 2xx, ${result.errors} errors`)
console.log(Math.round(result['2xx'] / result.duration))
