import { contract } from './contract.ts'

// A checkpoint every second, as each wait for the end is one for a checkpoint. The job is submitted once here; kills on the way there, and of
// Flink itself, have tests of their own.
await contract('v3', ['kafka', 'postgres', 'redis'], { knobs: { checkpoint: '1000' }, orders: 20_000, meets: (it) => !it.startsWith('job:') })
