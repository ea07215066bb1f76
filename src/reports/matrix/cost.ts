import type { Prices } from './prices.ts'

/** What an architecture was measured to need. */
export interface Measured {
  cpuSecondsPerMillion: number
  memoryBytes: number
  bytesPerEvent?: number
  /** The highest rate it was seen to take. */
  seenPerSecond: number
}

export interface Cost {
  eventsPerDay: number
  perMonth: number
  perMillion: number
  /** Rate of the busiest hour ÷ the highest that was seen; above 1 it is an extrapolation that nothing measured stands behind. */
  beyondMeasured: number
}

const GIB = 2 ** 30
const HOURS_A_MONTH = 730
const DAYS_A_MONTH = HOURS_A_MONTH / 24

/**
 * Pure: cores for the busiest hour at the assumed utilisation, never fewer than the share of one that runs all the time; memory as
 * measured, once more for every time that the busiest hour is above what was seen; disk for what is kept. Supposes that CPU time and bytes
 * per event stay what they were: true at best near the measured rate.
 */
export function costOf(eventsPerDay: number, { cpuSecondsPerMillion, memoryBytes, bytesPerEvent, seenPerSecond }: Measured, { cpuHour, gibMemoryHour, gibStorageMonth, assumed }: Prices): Cost {
  const peakPerSecond = (eventsPerDay / 86_400) * assumed.peakFactor
  const beyondMeasured = peakPerSecond / seenPerSecond
  const cores = Math.max(SMALLEST_CORES, ((cpuSecondsPerMillion / 1e6) * peakPerSecond) / assumed.utilisation)
  const memoryGib = (memoryBytes / GIB) * Math.max(1, Math.ceil(beyondMeasured))
  const storageGib = ((bytesPerEvent ?? 0) * eventsPerDay * assumed.retentionDays) / GIB
  const perMonth = HOURS_A_MONTH * (cores * cpuHour + memoryGib * gibMemoryHour) + storageGib * gibStorageMonth
  return { eventsPerDay, perMonth, perMillion: perMonth / ((eventsPerDay * DAYS_A_MONTH) / 1e6), beyondMeasured }
}

/** The smallest share of a core that is rented out. */
const SMALLEST_CORES = 0.25
