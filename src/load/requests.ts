/**
 * The text of every request, made by joining strings that were rendered ahead: a JSON.stringify and a header
 * object per request would cost more than the write. What an order says is decided by `orderBody` alone.
 */
import type { Order } from '../system/event.ts'
import { MAX_AMOUNT_CENTS } from '../system/event.ts'
import { callerPicker } from './callers.ts'
import type { LoadPlan } from './control.ts'
import { hash32, orderBody, profileNumber, type Profile } from './customers.ts'
import { orderIdWriter, sourceOf } from './order-id.ts'

export interface RequestWriter {
  /** `POST <path>/order` for one event of the commuter. */
  commuter(sequence: number, timeMs: number): string
  /** `POST <path>/orders` for `events` events from `sequence` on. */
  office(sequence: number, events: number, timeMs: number): string
  /** `n` chooses who looks. */
  browser(n: number): string
  /** `n` chooses the question, and who asks. */
  analyst(n: number): string
  /** The closed loop's body, without head. */
  saturationBody(sequence: number, timeMs: number): string
  /** Headers of the closed loop's order, `undefined` where all are the plan's. */
  saturationHeaders: ((sequence: number) => Record<string, string>) | undefined
}

const QUESTIONS = ['product', 'store', 'type', 'hour']

type WriterPlan = Pick<LoadPlan, 'baseUrl' | 'path' | 'headers' | 'callers' | 'seed' | 'runTag' | 'injector'>

export function requestWriter(plan: WriterPlan): RequestWriter {
  const host = `Host: ${new URL(plan.baseUrl).host}`
  const linesOf = (headers: Record<string, string>) => Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const head = (line: string, headers: Record<string, string>, ...more: string[]) => [`${line} HTTP/1.1`, host, ...linesOf(headers), ...more].join('\r\n')
  const post = (path: string) => forCallers(plan, (headers) => head(`POST ${path}`, headers, 'Content-Type: application/json', 'Content-Length: '))
  const order = post(`${plan.path}/order`)('commuter')
  const orders = post(`${plan.path}/orders`)('office')
  const dashboard = forCallers(plan, (headers) => `${head('GET /api/dashboard', headers)}\r\n\r\n`)('browser')
  const analytics = forCallers(plan, (headers) => QUESTIONS.map((by) => `${head(`GET /api/analytics?by=${by}`, headers)}\r\n\r\n`))('analyst')
  const commuter = bodyWriter(plan, 'commuter')
  const office = bodyWriter(plan, 'office')
  const saturation = bodyWriter(plan, 'saturation')

  return {
    commuter(sequence, timeMs) {
      const body = commuter(sequence, timeMs)
      return `${order(sequence)}${body.length}\r\n\r\n${body}`
    },
    office(sequence, events, timeMs) {
      let body = '['
      for (let i = 0; i < events; i++) body += (i === 0 ? '' : ',') + office(sequence + i, timeMs)
      return `${orders(sequence)}${body.length + 1}\r\n\r\n${body}]`
    },
    browser: (n) => dashboard(n),
    analyst: (n) => analytics(n)[hash32(plan.seed, n) % QUESTIONS.length]!,
    saturationBody: saturation,
    saturationHeaders: plan.callers?.length ? forCallers(plan, (headers) => ({ ...headers, 'Content-Type': 'application/json' }))('saturation') : undefined,
  }
}

/**
 * What is rendered ahead for every caller, and picked by the sequence of a profile's visit. Without callers there is one, and nothing to pick:
 * the way of a request is then as long as it would be if there were no such thing.
 */
function forCallers<T>(plan: WriterPlan, render: (headers: Record<string, string>) => T): (profile: Profile) => (sequence: number) => T {
  const { callers = [] } = plan
  if (callers.length === 0) {
    const only = render(plan.headers)
    return () => () => only
  }
  const rendered = callers.map(({ headers }) => render({ ...plan.headers, ...headers }))
  const pick = callerPicker(callers, plan.seed)
  return (profile) => {
    const source = sourceOf(plan.injector, profileNumber(profile))
    return (sequence) => rendered[pick(source, sequence)]!
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
