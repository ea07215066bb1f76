/**
 * The text of every request, made by joining strings that were rendered ahead: a JSON.stringify and a header
 * object per request would cost more than the write. What an order says is decided by `orderBody` alone.
 */
import type { Order } from '../system/event.ts'
import { MAX_AMOUNT_CENTS } from '../system/event.ts'
import type { LoadPlan } from './control.ts'
import { hash32, orderBody, profileNumber, type Profile } from './customers.ts'
import { orderIdWriter, sourceOf } from './order-id.ts'

export interface RequestWriter {
  /** `POST <path>/order` for one event of the commuter. */
  commuter(sequence: number, timeMs: number): string
  /** `POST <path>/orders` for `events` events from `sequence` on. */
  office(sequence: number, events: number, timeMs: number): string
  browser(): string
  /** `n` chooses the question. */
  analyst(n: number): string
  /** The closed loop's body, without head. */
  saturationBody(sequence: number, timeMs: number): string
}

const QUESTIONS = ['product', 'store', 'type', 'hour']

export function requestWriter(plan: Pick<LoadPlan, 'baseUrl' | 'path' | 'headers' | 'seed' | 'runTag' | 'injector'>): RequestWriter {
  const common = [`Host: ${new URL(plan.baseUrl).host}`, ...Object.entries(plan.headers).map(([name, value]) => `${name}: ${value}`)]
  const head = (line: string, ...more: string[]) => [`${line} HTTP/1.1`, ...common, ...more].join('\r\n')
  const post = (path: string) => `${head(`POST ${path}`, 'Content-Type: application/json', 'Content-Length: ')}`
  const order = post(`${plan.path}/order`)
  const orders = post(`${plan.path}/orders`)
  const dashboard = `${head('GET /api/dashboard')}\r\n\r\n`
  const analytics = QUESTIONS.map((by) => `${head(`GET /api/analytics?by=${by}`)}\r\n\r\n`)
  const commuter = bodyWriter(plan, 'commuter')
  const office = bodyWriter(plan, 'office')
  const saturation = bodyWriter(plan, 'saturation')

  return {
    commuter(sequence, timeMs) {
      const body = commuter(sequence, timeMs)
      return `${order}${body.length}\r\n\r\n${body}`
    },
    office(sequence, events, timeMs) {
      let body = '['
      for (let i = 0; i < events; i++) body += (i === 0 ? '' : ',') + office(sequence + i, timeMs)
      return `${orders}${body.length + 1}\r\n\r\n${body}]`
    },
    browser: () => dashboard,
    analyst: (n) => analytics[hash32(plan.seed, n) % QUESTIONS.length]!,
    saturationBody: saturation,
  }
}

function bodyWriter(plan: Pick<LoadPlan, 'seed' | 'runTag' | 'injector'>, profile: Profile): (sequence: number, timeMs: number) => string {
  const source = sourceOf(plan.injector, profileNumber(profile))
  const idOf = orderIdWriter(plan.runTag, source)
  const parts = { timeMs: 0, runTag: plan.runTag, source, sequence: 0 }
  return (sequence, timeMs) => {
    parts.timeMs = timeMs
    parts.sequence = sequence
    return orderJson(orderBody(plan.seed, idOf(timeMs, sequence), parts))
  }
}

/** An order as it goes over the wire; everything in it is plain ASCII that needs no escaping. */
export function orderJson(order: Order): string {
  return (
    `{"id":"${order.id}","type":"${order.type}","store":"${order.store}","product":"${order.product}",` +
    `"amount":${amountText(order.amountCents)},"timestamp":"${isoText(order.timestampMs)}"}`
  )
}

const AMOUNTS: string[] = Array.from({ length: 2048 }, (_, cents) => String(cents / 100))

function amountText(cents: number): string {
  if (cents < 0 || cents > MAX_AMOUNT_CENTS) throw new RangeError(`amount of ${cents} cents: expected 0 to ${MAX_AMOUNT_CENTS}`)
  return AMOUNTS[cents] ?? String(cents / 100)
}

let isoMs = NaN
let iso = ''

function isoText(timeMs: number): string {
  if (timeMs !== isoMs) {
    iso = new Date(timeMs).toISOString()
    isoMs = timeMs
  }
  return iso
}
