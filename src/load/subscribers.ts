import { runSubscribers } from './subscriber-process.ts'

await runSubscribers()
