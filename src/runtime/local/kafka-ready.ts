import { createConnection } from 'node:net'

/** Asks a broker who is in its cluster, in its own protocol: a client library would take the lab 100 ms to load and talk of timeouts. */

/** What a broker prints once it takes requests. */
export const STARTED = /Kafka Server started/

/** What a broker knows of its cluster. */
export interface ClusterView {
  /** Brokers that serve. */
  nodeIds: number[]
  /** Undefined while none leads. */
  controller: number | undefined
}

/** `Metadata` of all brokers and no topic, version 1: https://kafka.apache.org/protocol#The_Messages_Metadata */
const METADATA = { key: 3, version: 1 } as const
const LONGEST_ANSWER_BYTES = 1024 * 1024

/** Undefined: there was no answer in time, or none that can be read. */
export function askCluster(host: string, port: number, timeoutMs: number): Promise<ClusterView | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port })
    let received = Buffer.alloc(0)
    const end = (answer: ClusterView | undefined): void => {
      clearTimeout(late)
      socket.destroy()
      resolve(answer)
    }
    const late = setTimeout(() => end(undefined), timeoutMs)
    socket.on('connect', () => socket.write(metadataRequest()))
    socket.on('data', (data) => {
      received = Buffer.concat([received, data])
      if (received.length < 4) return
      const bytes = received.readInt32BE(0)
      if (bytes < 0 || bytes > LONGEST_ANSWER_BYTES) end(undefined)
      else if (received.length >= 4 + bytes) end(parseMetadata(received.subarray(4, 4 + bytes)))
    })
    socket.on('error', () => end(undefined))
    socket.on('close', () => end(undefined))
  })
}

/** Length, key, version, correlation, name of the client, and a list of no topics. */
function metadataRequest(): Buffer {
  const name = Buffer.from('load-lab')
  const request = Buffer.alloc(4 + 2 + 2 + 4 + 2 + name.length + 4)
  request.writeInt32BE(request.length - 4, 0)
  request.writeInt16BE(METADATA.key, 4)
  request.writeInt16BE(METADATA.version, 6)
  request.writeInt32BE(1, 8)
  request.writeInt16BE(name.length, 12)
  name.copy(request, 14)
  return request
}

/** @param answer without its length; @returns undefined when it is cut off */
export function parseMetadata(answer: Buffer): ClusterView | undefined {
  try {
    // Its first four bytes repeat the request's correlation.
    const brokers = answer.readInt32BE(4)
    let at = 8
    const nodeIds: number[] = []
    for (let i = 0; i < brokers; i += 1) {
      nodeIds.push(answer.readInt32BE(at))
      const hostBytes = answer.readInt16BE(at + 4)
      const rackBytes = answer.readInt16BE(at + 10 + hostBytes)
      at += 12 + hostBytes + Math.max(0, rackBytes)
    }
    const controller = answer.readInt32BE(at)
    return { nodeIds, controller: controller < 0 ? undefined : controller }
  } catch {
    return undefined
  }
}
