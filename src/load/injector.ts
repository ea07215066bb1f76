import { runInjector } from './injector-process.ts'

await runInjector()
