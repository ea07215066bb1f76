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
      {
        extends: true,
        test: {
          name: 'live',
          include: ['test/**/*.live.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          // A shared machine may stand still in the wrong moment. What fails twice is broken; what was tried again is marked in the output.
          retry: process.env['CI'] === undefined ? 0 : 1,
          globalSetup: ['test/no-leftovers.ts'],
        },
      },
    ],
  },
})
