import { contract } from './contract.ts'

await contract('null', [])
await contract('v0', ['redis'])
await contract('v2', ['redis', 'postgres'])
// Its job is submitted once here; kills on the way there, and of Flink itself, have tests of their own.
await contract('v3', ['kafka', 'postgres', 'redis'], { meets: (it) => !it.startsWith('job:') })
// Nothing that these send can never be stored: what is put aside, and a kill on the way there, has tests of its own.
await contract('v4', ['rabbitmq', 'postgres', 'redis'], { knobs: { rollup: '1' }, meets: (it) => it !== 'worker:after-dead-letter' })
// A transaction takes a request of several orders; being killed before it is committed is tried where the publisher is.
await contract('v5', ['clickhouse', 'redis', 'kafka'], { knobs: { batch: '100' }, meets: (it) => it !== 'api:before-commit' })

const none = () => false
const buffered = (failpoint: string) => failpoint === 'api:after-publish' || failpoint.startsWith('buffer:')
await contract('v1', ['postgres', 'redis'], { meets: (it) => !buffered(it) })
await contract('v1', ['postgres'], { name: 'batch=50 counters=table', knobs: { batch: '50', counters: 'table' }, meets: none })
await contract('v1', ['postgres'], { name: 'partition=range', knobs: { partition: 'range' }, meets: (it) => it.startsWith('api:') && !buffered(it) })
await contract('v1', ['postgres', 'redis'], { name: 'write=buffer', knobs: { write: 'buffer' }, meets: buffered })
