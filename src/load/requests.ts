/**
 * The text of every request, made by joining strings that were rendered ahead: a JSON.stringify and a header
 * object per request would cost more than the write. What an order says is decided by `orderBody` alone.
 */
import type { Order } from '../system/event.ts'
import { MAX_AMOUNT_CENTS } from '../system/event.ts'
import { visitCaller } from './callers.ts'
import type { LoadPlan } from './control.ts'
import { hash32, orderBody, profileNumber, type Profile } from './customers.ts'
import { orderIdWriter, sourceOf } from './order-id.ts'

export interface RequestWriter {
  /** `POST <path>/order` for one event of the commuter. */
  commuter(sequence: number, timeMs: number): string
  /** `POST <path>/orders` for `events` events from `sequence` on. */
  office(sequence: number, events: number, timeMs: number): string
  /** `n` chooses who looks. */
  browser(n: number, timeMs: number): string
  /** `n` chooses the question, and who asks. */
  analyst(n: number, timeMs: number): string
  /** The closed loop's body, without head. */
  saturationBody(sequence: number, timeMs: number): string
  /** Headers of the closed loop's order, `undefined` where all are the plan's. */
  saturationHeaders: ((sequence: number, timeMs: number) => Record<string, string>) | undefined
}

const QUESTIONS = ['product', 'store', 'type', 'hour']

type WriterPlan = Pick<LoadPlan, 'baseUrl' | 'path' | 'headers' | 'callers' | 'seed' | 'runTag' | 'injector'> & Partial<Pick<LoadPlan, 'startAtMs' | 'phases'>>

export function requestWriter(plan: WriterPlan): RequestWriter {
  const host = `Host: ${new URL(plan.baseUrl).host}`
  const linesOf = (headers: Record<string, string>) => Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const head = (line: string, headers: Record<string, string>, ...more: string[]) => [`${line} HTTP/1.1`, host, ...linesOf(headers), ...more].join('\r\n')
  const post = (path: string) => forCallers(plan, ({ headers }) => head(`POST ${path}`, headers, 'Content-Type: application/json', 'Content-Length: '))
  const order = post(`${plan.path}/order`)('commuter')
  const orders = post(`${plan.path}/orders`)('office')
  const dashboard = forCallers(plan, ({ readHeaders }) => `${head('GET /api/dashboard', readHeaders)}\r\n\r\n`)('browser')
  const analytics = forCallers(plan, ({ readHeaders }) => QUESTIONS.map((by) => `${head(`GET /api/analytics?by=${by}`, readHeaders)}\r\n\r\n`))('analyst')
  const commuter = bodyWriter(plan, 'commuter')
  const office = bodyWriter(plan, 'office')
  const saturation = bodyWriter(plan, 'saturation')

  return {
    commuter(sequence, timeMs) {
      const body = commuter(sequence, timeMs)
      return `${order(sequence, timeMs)}${body.length}\r\n\r\n${body}`
    },
    office(sequence, events, timeMs) {
      let body = '['
      for (let i = 0; i < events; i++) body += (i === 0 ? '' : ',') + office(sequence + i, timeMs)
      return `${orders(sequence, timeMs)}${body.length + 1}\r\n\r\n${body}]`
    },
    browser: (n, timeMs) => dashboard(n, timeMs),
    analyst: (n, timeMs) => analytics(n, timeMs)[hash32(plan.seed, n) % QUESTIONS.length]!,
    saturationBody: saturation,
    saturationHeaders: plan.callers?.length ? forCallers(plan, ({ headers }) => ({ ...headers, 'Content-Type': 'application/json' }))('saturation') : undefined,
  }
}

/** What one caller sends with its orders, and with its reads. */
interface CallerHeaders {
  headers: Record<string, string>
  readHeaders: Record<string, string>
}

/**
 * What is rendered ahead for every caller, and picked by the sequence and the time of a profile's visit. Without callers there is one, and
 * nothing to pick: the way of a request is then as long as it would be if there were no such thing.
 */
function forCallers<T>(plan: WriterPlan, render: (caller: CallerHeaders) => T): (profile: Profile) => (sequence: number, timeMs: number) => T {
  const { callers = [] } = plan
  if (callers.length === 0) {
    const only = render({ headers: plan.headers, readHeaders: plan.headers })
    return () => () => only
  }
  const rendered = callers.map(({ headers, readHeaders = headers }) => render({ headers: { ...plan.headers, ...headers }, readHeaders: { ...plan.headers, ...readHeaders } }))
  const pick = visitCaller(plan)
  return (profile) => {
    const source = sourceOf(plan.injector, profileNumber(profile))
    return (sequence, timeMs) => rendered[pick(source, sequence, timeMs)]!
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
