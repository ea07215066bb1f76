import { contract } from './contract.ts'

const none = () => false
const buffered = (failpoint: string) => failpoint === 'api:after-publish' || failpoint.startsWith('buffer:')
await contract('v1', ['postgres', 'redis'], { meets: (it) => !buffered(it) })
await contract('v1', ['postgres'], { name: 'batch=50 counters=table', knobs: { batch: '50', counters: 'table' }, meets: none })
await contract('v1', ['postgres'], { name: 'partition=range', knobs: { partition: 'range' }, meets: (it) => it.startsWith('api:') && !buffered(it) })
await contract('v1', ['postgres', 'redis'], { name: 'write=buffer', knobs: { write: 'buffer' }, meets: buffered })
