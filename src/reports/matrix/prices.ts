import { z } from 'zod'

/** What a month of cloud costs, by what is used of it; `lab matrix --prices <file.json>` replaces it. */
export const pricesSchema = z.strictObject({
  name: z.string(),
  /** Where the figures are from, and as of when. */
  source: z.string(),
  currency: z.string(),
  cpuHour: z.number().positive().describe('A core for an hour.'),
  gibMemoryHour: z.number().nonnegative().describe('A GiB of memory for an hour.'),
  gibStorageMonth: z.number().nonnegative().describe('A GiB of disk for a month.'),
  /** Assumptions that no run can measure. */
  assumed: z.strictObject({
    utilisation: z.number().gt(0).max(1).describe('Which part of the cores that are paid for is used in the busiest hour.'),
    peakFactor: z.number().min(1).describe('Rate of the busiest hour, as a multiple of the mean.'),
    retentionDays: z.number().positive().describe('How long events are kept.'),
  }),
})

export type Prices = z.output<typeof pricesSchema>

export const PRICES: Prices = {
  name: 'containers by the core and GiB, disk by the GiB',
  source: 'list prices of AWS Fargate (Linux, x86, us-east-1) and EBS gp3 as published in 2025',
  currency: 'USD',
  cpuHour: 0.04048,
  gibMemoryHour: 0.004445,
  gibStorageMonth: 0.08,
  assumed: { utilisation: 0.6, peakFactor: 3, retentionDays: 30 },
}
