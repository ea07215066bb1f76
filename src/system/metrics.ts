import { createServer } from 'node:http'
import { collectDefaultMetrics, Counter, Gauge, register } from 'prom-client'

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
  new Gauge({ name: 'lab_sockets', help: 'Open dashboard sockets.', collect() { this.set(meter.sockets) } })
  new Counter({
    name: 'lab_requests_refused_total', help: 'Order requests answered with an error, by status.', labelNames: ['status'],
    collect() {
      this.reset()
      for (const [status, requests] of meter.refused) this.inc({ status }, requests)
    },
  })
}

/** A counter whose value is kept elsewhere and read when it is scraped. */
export function counter(name: string, help: string, read: () => number): void {
  new Counter({ name, help, collect() { this.reset(); this.inc(read()) } })
}

export function gauge(name: string, help: string, read: () => number): void {
  new Gauge({ name, help, collect() { this.set(read()) } })
}

export function startProcessMetrics(): void {
  collectDefaultMetrics({ eventLoopMonitoringPrecision: 20 })
}

export const metricsType = register.contentType
export const renderMetrics = (): Promise<string> => register.metrics()

/** `/metrics` and `/livez` of a process that has no API. Port 0: any free one. Resolves with the port once it listens. */
export async function serveMetrics(host: string, port: number): Promise<AsyncDisposable & { port: number }> {
  const server = createServer((request, response) => {
    if (request.url === '/livez') return void response.end('ok\n')
    if (request.url !== '/metrics') return void response.writeHead(404).end()
    renderMetrics().then((text) => response.writeHead(200, { 'content-type': metricsType }).end(text), () => response.writeHead(500).end())
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
