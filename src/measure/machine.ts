import { readFileSync } from 'node:fs'
import { availableParallelism, release, totalmem } from 'node:os'

/** What the machine itself is doing, from /proc. Parsers are pure; `read…` touch the file system. Linux only. */

/** Ticks since boot, all cores added up. */
export interface CpuTimes {
  /** user, nice, system, irq, softirq. Guests are inside user already. */
  busy: number
  /** idle and waiting for a disk. */
  idle: number
  /** That part of it in which a disk was waited for. */
  ioWait: number
  /** Taken by the hypervisor for somebody else. */
  steal: number
}

/** `cpuBusy`, `stealShare` and `ioWaitShare` are shares (0…1) of all cores since the read before; `load1` is the kernel's 1-minute load average. */
export interface MachineReading {
  cpuBusy: number
  stealShare: number
  ioWaitShare: number
  load1: number
}

export interface MachineMeter {
  /** Cores this process may use: affinity and container limits count. */
  cores: number
  read(): MachineReading
}

export interface MachineFacts {
  cpuModel: string
  /** Cores this process may use: affinity and container limits count. */
  cores: number
  memoryBytes: number
  kernel: string
}

/** The first line of /proc/stat: `cpu  user nice system idle iowait irq softirq steal guest guest_nice`. */
export function parseCpuTimes(stat: string): CpuTimes {
  const line = /^cpu +(.*)$/m.exec(stat)?.[1]
  if (line === undefined) throw new Error('/proc/stat has no cpu line')
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = line.trim().split(/\s+/).map(Number)
  return { busy: user + nice + system + irq + softirq, idle: idle + iowait, ioWait: iowait, steal }
}

/** Shares of all cores between two readings; 0 where no time has passed (counters of a virtual machine may even step back). */
export function cpuShares(before: CpuTimes, after: CpuTimes): { busy: number; steal: number; ioWait: number } {
  const busy = Math.max(0, after.busy - before.busy)
  const steal = Math.max(0, after.steal - before.steal)
  const idle = Math.max(0, after.idle - before.idle)
  const ioWait = Math.min(idle, Math.max(0, after.ioWait - before.ioWait))
  const total = busy + steal + idle
  return total === 0 ? { busy: 0, steal: 0, ioWait: 0 } : { busy: busy / total, steal: steal / total, ioWait: ioWait / total }
}

/** /proc/loadavg: `0.42 0.30 0.21 1/312 4711`. */
export function parseLoad1(loadavg: string): number {
  const load = Number(loadavg.trim().split(/\s+/)[0])
  return Number.isFinite(load) ? load : 0
}

/** `model name` of /proc/cpuinfo; ARM kernels have none. */
export function parseCpuModel(cpuinfo: string): string {
  return /^(?:model name|Hardware|Processor)\s*:\s*(.+)$/m.exec(cpuinfo)?.[1]?.trim() ?? 'unknown'
}

/** Bytes of one line of /proc/meminfo, such as `MemAvailable:    8123456 kB`. */
export function parseMeminfo(meminfo: string, field: string): number | undefined {
  const match = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(meminfo)
  return match ? Number(match[1]) * 1024 : undefined
}

/** Each `read` covers the time since the one before (the first: since the meter was made). */
export function machineMeter(): MachineMeter {
  let before = parseCpuTimes(readFileSync('/proc/stat', 'utf8'))
  return {
    cores: availableParallelism(),
    read() {
      const after = parseCpuTimes(readFileSync('/proc/stat', 'utf8'))
      const { busy, steal, ioWait } = cpuShares(before, after)
      before = after
      return { cpuBusy: busy, stealShare: steal, ioWaitShare: ioWait, load1: parseLoad1(readFileSync('/proc/loadavg', 'utf8')) }
    },
  }
}

export function readMachineFacts(): MachineFacts {
  return { cpuModel: parseCpuModel(readFileSync('/proc/cpuinfo', 'utf8')), cores: availableParallelism(), memoryBytes: totalmem(), kernel: release() }
}
