/** An injector with the common mistake: latency from the actual send. The selftest must find it out. */
import { runInjector } from '../../src/load/injector-process.ts'

await runInjector({ latencyFrom: 'sent' })
