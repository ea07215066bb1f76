import { defineConfig } from 'vitest/config'

/** Modules without effects: their lines are what the coverage bound is about. */
const PURE = [
  'src/system/{dashboard,diff,event,knobs,validation,suggest}.ts',
  'src/load/{pacer,order-id,customers,fifo,http-reply,reply-parser,requests,retries,tally}.ts',
  'src/measure/{histogram,ledger,prometheus,recorder}.ts',
  'src/run/{state,series}.ts',
  'src/reports/*.ts',
  'src/reports/{statistics,compare,html,matrix}/*.ts',
  'src/bench/{schedule,outputs}.ts',
  'src/runtime/{compose,compose-merge,compose-keys,interpolate}.ts',
  'src/experiment/{alerts,autoscale,channel,load,search,second}.ts',
]

const SYSTEM = 'test/system/**/*.live.test.ts'
const WITH_KAFKA = 'test/system/**/{kafka,v3,v5}*.live.test.ts'

/** Real servers, on ports of their own. */
const LIVE = {
  testTimeout: 120_000,
  hookTimeout: 120_000,
  // A shared machine may stand still in the wrong moment. What fails twice is broken; what was tried again is marked in the output.
  retry: process.env['CI'] === undefined ? 0 : 1,
  globalSetup: ['test/no-leftovers.ts'],
}

export default defineConfig({
  test: {
    pool: 'forks',
    coverage: {
      provider: 'v8',
      include: PURE,
      exclude: ['src/reports/write.ts', 'src/reports/compare/load.ts', 'src/reports/html/assets.ts'],
      reporter: ['text-summary'],
      thresholds: { lines: 80 },
    },
    projects: [
      { extends: true, test: { name: 'fast', include: ['test/**/*.test.{ts,tsx}'], exclude: ['test/**/*.live.test.ts'] } },
      // What an architecture promises is right or wrong, however busy the machine is: two at once. What needs a JVM is busy enough alone.
      { extends: true, test: { ...LIVE, name: 'system', include: [SYSTEM], exclude: [WITH_KAFKA], maxWorkers: 2 } },
      { extends: true, test: { ...LIVE, name: 'live', include: ['test/!(system)/**/*.live.test.ts', WITH_KAFKA], fileParallelism: false } },
    ],
  },
})
