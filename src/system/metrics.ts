import { createServer } from 'node:http'
import { collectDefaultMetrics, Counter, Gauge, register, Registry } from 'prom-client'

/** The system's own metrics, apart from those of the Node process in the default registry. */
const own = new Registry()
const registers = [own]

/** What became of what clients sent to this process; plain numbers, so that the hot path pays an increment. */
export interface Meter {
  /** Events. */
  accepted: number
  /** Requests, by status. */
  refused: Map<number, number>
  sockets: number
  pushes: number
  slowSocketsClosed: number
}

export function createMeter(): Meter {
  return { accepted: 0, refused: new Map(), sockets: 0, pushes: 0, slowSocketsClosed: 0 }
}

export function countRefusal(meter: Meter, status: number): void {
  meter.refused.set(status, (meter.refused.get(status) ?? 0) + 1)
}

/** Publishes a meter under the names of the process-wide registry; read when it is scraped. */
export function exposeMeter(meter: Meter): void {
  counter('lab_events_accepted_total', 'Events answered with a 2xx.', () => meter.accepted)
  counter('lab_pushes_total', 'Dashboard frames written to sockets.', () => meter.pushes)
  counter('lab_slow_sockets_closed_total', 'Sockets closed with 1013 as they did not keep up.', () => meter.slowSocketsClosed)
  gauge('lab_sockets', 'Open dashboard sockets.', () => meter.sockets)
  new Counter({
    name: 'lab_requests_refused_total', help: 'Order requests answered with an error, by status.', labelNames: ['status'], registers,
    collect() {
      this.reset()
      for (const [status, requests] of meter.refused) this.inc({ status }, requests)
    },
  })
}

/** A counter whose value is kept elsewhere and read when it is scraped. */
export function counter(name: string, help: string, read: () => number): void {
  new Counter({ name, help, registers, collect() { this.reset(); this.inc(read()) } })
}

/** The same by one label, whose values must be few: never one that clients choose, and none for each tenant. */
export function counterBy(name: string, help: string, label: string, read: () => Iterable<readonly [value: string, count: number]>): void {
  new Counter({
    name, help, labelNames: [label], registers,
    collect() {
      this.reset()
      for (const [value, count] of read()) this.inc({ [label]: value }, count)
    },
  })
}

export function gauge(name: string, help: string, read: () => number): void {
  new Gauge({ name, help, registers, collect() { this.set(read()) } })
}

export function startProcessMetrics(): void {
  collectDefaultMetrics({ eventLoopMonitoringPrecision: 20 })
}

/** For a process that starts the same part once more, as benchmarks do: its figures have room for one. */
export const forgetMetrics = (): void => own.clear()

export const metricsType = register.contentType
export const renderOwnMetrics = (): Promise<string> => own.metrics()
export const renderMetrics = async (): Promise<string> => `${await register.metrics()}\n${await own.metrics()}`

/**
 * `/metrics` and `/livez` of one process, on a port of its own. `/metrics?only=lab` leaves out what tells of the Node process.
 * Port 0: any free one. Resolves with the port once it listens.
 */
export async function serveMetrics(host: string, port: number): Promise<AsyncDisposable & { port: number }> {
  const server = createServer((request, response) => {
    if (request.url === '/livez') return void response.end('ok\n')
    const [path, query] = request.url?.split('?', 2) ?? []
    if (path !== '/metrics') return void response.writeHead(404).end()
    const rendered = query === 'only=lab' ? own.metrics() : renderMetrics()
    rendered.then((text) => response.writeHead(200, { 'content-type': metricsType }).end(text), () => response.writeHead(500).end())
  })
  server.unref()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve)
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    }),
  }
}
