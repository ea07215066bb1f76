import { contract } from './contract.ts'

// Nothing that these send can never be stored: what is put aside, and a kill on the way there, has tests of its own.
await contract('v4', ['rabbitmq', 'postgres', 'redis'], { knobs: { rollup: '1' }, meets: (it) => it !== 'worker:after-dead-letter' })
