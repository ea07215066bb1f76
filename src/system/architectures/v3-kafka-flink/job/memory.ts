import { access, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'
import forgetCheckpoint from '../sql/forget-checkpoint.sql?raw'
import readCheckpoints from '../sql/read-checkpoints.sql?raw'
import rememberCheckpoints from '../sql/remember-checkpoints.sql?raw'
import type { Checkpoint } from './cluster.ts'

/** Which checkpoints there are, as PostgreSQL remembers it for the time when Flink has forgotten. */
export interface Memory {
  remember(jobId: string, checkpoints: readonly Checkpoint[]): Promise<void>
  /** Those a job of this plan can be started from, newest first; what is no longer on the disk is left out. */
  usable(): Promise<string[]>
  /** This one is no good. */
  forget(path: string): Promise<void>
  /** Files of jobs before this one, which nobody needs once it has checkpoints of its own. */
  clear(jobId: string): Promise<void>
}

export function createMemory(pool: pg.Pool, plan: string, folder: string): Memory {
  return {
    async remember(jobId, checkpoints) {
      if (checkpoints.length === 0) return
      const columns = [checkpoints.map(({ path }) => path), checkpoints.map(({ completedAtMs }) => completedAtMs / 1_000)]
      await pool.query({ name: 'remember-checkpoints', text: rememberCheckpoints, values: [jobId, plan, ...columns] })
    },
    async usable() {
      const { rows } = await pool.query<{ path: string }>(readCheckpoints, [plan])
      const there = await Promise.all(rows.map(({ path }) => isThere(path)))
      return rows.flatMap(({ path }, index) => (there[index] ? [path] : []))
    },
    async forget(path) {
      await pool.query(forgetCheckpoint, [path])
    },
    async clear(jobId) {
      const others = (await readdir(folder).catch(() => [])).filter((name) => /^[0-9a-f]{32}$/.test(name) && name !== jobId)
      for (const name of others) await rm(join(folder, name), { recursive: true, force: true })
    },
  }
}

/** Its list of files is written last of all. */
async function isThere(path: string): Promise<boolean> {
  return access(join(fileURLToPath(path), '_metadata')).then(() => true, () => false)
}
