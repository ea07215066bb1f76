import { contract } from './contract.ts'

// A transaction takes a request of several orders; being killed before it is committed is tried where the publisher is.
await contract('v5', ['clickhouse', 'redis', 'kafka'], { knobs: { batch: '100' }, orders: 20_000, meets: (it) => it !== 'api:before-commit' })
