import { createHash } from 'node:crypto'
import type { Message, Options } from 'amqplib'
import type { DeadLetter } from '../../architecture.ts'
import { decodeOrder, isOrder, RECORD_BYTES } from '../../record.ts'

/** Longer headers than ours are no use to anybody, and a message must fit its frame. */
const MAX_HEADERS = 16 * 1024

/** What is put aside: the bytes of one event, or of a message that has none, with the headers it came with. */
export interface Letter {
  /** 0 where nobody knows. */
  workspace: number
  /** Of the event, or of the bytes: what makes it this letter and no other. */
  subject: string
  fault: string
  reason: string
  attempts: number
  headers: Record<string, unknown>
  content: Buffer
}

/** The same for the same bytes of the same workspace with the same fault. */
export function letterId({ workspace, subject, fault, headers, content }: Letter): string {
  const digest = createHash('sha256').update(content).update(JSON.stringify([headers['p'], headers['k']])).digest('hex').slice(0, 12)
  return `${workspace}:${subject}:${fault}:${digest}`
}

export function toLetterMessage(letter: Letter, id: string, nowMs: number): { content: Buffer; options: Options.Publish } {
  const { workspace, fault, reason, attempts, headers, content } = letter
  const original = JSON.stringify(headers)
  return {
    content,
    options: {
      messageId: id,
      headers: { workspace, fault, reason, attempts, atMs: nowMs, original: original.length <= MAX_HEADERS ? original : '{}' },
    },
  }
}

/** What {@link toLetterMessage} wrote, as people look at it. */
export function readLetter({ properties, content }: Message): DeadLetter {
  const headers = (properties.headers ?? {}) as Record<string, unknown>
  const isRecord = content.length === RECORD_BYTES && isOrder(content, 0)
  return {
    id: String(properties.messageId ?? `no id, sha256 ${createHash('sha256').update(content).digest('hex').slice(0, 12)}`),
    owner: String(headers['workspace'] ?? 0),
    reason: String(headers['reason'] ?? 'nobody says why'),
    atMs: Number(headers['atMs'] ?? 0),
    attempts: Number(headers['attempts'] ?? 0),
    content: isRecord ? decodeOrder(content, 0) : { base64: content.toString('base64') },
  }
}

/** The headers that it was first published with. */
export function originalHeaders({ properties }: Message): Record<string, unknown> {
  try {
    const headers: unknown = JSON.parse(String((properties.headers as Record<string, unknown> | undefined)?.['original'] ?? '{}'))
    return typeof headers === 'object' && headers !== null ? (headers as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}
