import type { KafkaMessage } from 'kafkajs'
import { decodeId, RECORD_BYTES } from '../../../record.ts'
import type { Taken, Tracer } from '../../../tracing/tracer.ts'

/** When the sampled events of a partition were read, until they are stored. */
export interface Reads {
  read(messages: readonly KafkaMessage[]): void
  /** Of those in a cut, which are forgotten by that. */
  of(records: Buffer, otherwiseMs: number): Taken[]
}

/** Far more than are sampled among what a partition may hold; should one never be stored, it is forgotten some time. */
const MOST = 50_000

export function rememberReads({ sampling, nowMs }: Tracer): Reads {
  const held = new Map<string, { enqueuedMs: number; readMs: number }>()
  return {
    read(messages) {
      const readMs = nowMs()
      for (const { value, timestamp } of messages) {
        if (value?.length !== RECORD_BYTES || !sampling.hasAt(value, 0)) continue
        if (held.size >= MOST) held.clear()
        const id = decodeId(value, 0)
        if (!held.has(id)) held.set(id, { enqueuedMs: Number(timestamp), readMs })
      }
    },
    of(records, otherwiseMs) {
      const taken: Taken[] = []
      for (let at = 0; at + RECORD_BYTES <= records.length; at += RECORD_BYTES) {
        if (!sampling.hasAt(records, at)) continue
        const id = decodeId(records, at)
        taken.push({ events: [id], readMs: otherwiseMs, ...held.get(id) })
        held.delete(id)
      }
      return taken
    },
  }
}
