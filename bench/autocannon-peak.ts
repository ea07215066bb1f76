/** One round of autocannon with a constant body. Arguments: port, connections, seconds. Prints answers per second. */
import autocannon from 'autocannon'
import { CONSTANT_BODY } from './constant-body.ts'

const [port, connections, seconds] = process.argv.slice(2).map(Number) as [number, number, number]
const options = {
  url: `http://127.0.0.1:${port}/api/bench/order`,
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: CONSTANT_BODY,
  connections,
  pipelining: 1,
} as const
await autocannon({ ...options, duration: 1 })
const result = await autocannon({ ...options, duration: seconds })
if (result.non2xx + result.errors > 0) throw new Error(`${result.non2xx} answers not 2xx, ${result.errors} errors`)
console.log(Math.round(result['2xx'] / result.duration))
