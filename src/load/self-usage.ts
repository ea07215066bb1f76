import { monitorEventLoopDelay } from 'node:perf_hooks'

/** How this process itself fared since the reading before. */
export interface SelfUsage {
  loopDelayP99Ms: number
  /** Of one core. */
  cpuShare: number
  rssBytes: number
}

/** The monitor looks this often and reports the whole distance between looks, so this is taken off. */
const RESOLUTION_MS = 2

export function selfUsage(): { read(): SelfUsage } & Disposable {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  let cpu = process.cpuUsage()
  let atMs = performance.now()
  return {
    read() {
      const nowMs = performance.now()
      const used = process.cpuUsage(cpu)
      const cpuShare = (used.user + used.system) / 1000 / Math.max(1, nowMs - atMs)
      const p99Ms = delay.count > 0 ? delay.percentile(99) / 1e6 : 0
      cpu = process.cpuUsage()
      atMs = nowMs
      delay.reset()
      return { loopDelayP99Ms: Math.max(0, p99Ms - RESOLUTION_MS), cpuShare, rssBytes: process.memoryUsage.rss() }
    },
    [Symbol.dispose]: () => void delay.disable(),
  }
}
