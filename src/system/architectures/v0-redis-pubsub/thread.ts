/** A thread of an API process that reads the file: a query takes a second or more once there are many orders, and the API must go on accepting. */
import { parentPort, workerData } from 'node:worker_threads'
import { openOrderReader } from './reader.ts'
import type { Answer, Question } from './readers.ts'

const reader = openOrderReader((workerData as { path: string }).path)

parentPort!.on('message', (question: Question) => parentPort!.postMessage(answer(question)))

function answer(question: Question): Answer {
  try {
    if (question.ask === 'dashboard') return { value: reader.dashboard() }
    if (question.ask === 'analytics') return { value: reader.analytics(question.query) }
    return { value: reader.page(question.after) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}
