/** The proxy's process: LINK_LISTEN, LINK_TARGET and LINK_CONTROL are `host:port`; whoever knows LINK_TOKEN may break it. */
import { serveControl } from './control.ts'
import { startProxy, type Address } from './proxy.ts'

const listen = address('LINK_LISTEN')
const target = address('LINK_TARGET')
const proxy = await startProxy(listen, target)
await serveControl(proxy, address('LINK_CONTROL'), variable('LINK_TOKEN'))
// Ctrl-C reaches the whole terminal; what happens then is the lab's to say.
process.on('SIGINT', () => undefined)
process.on('SIGTERM', () => process.exit(0))
process.stdout.write(`link ready: ${listen.host}:${listen.port} leads to ${target.host}:${target.port}\n`)

function address(name: string): Address {
  const match = /^(.+):(\d+)$/.exec(variable(name))
  if (match === null) throw new Error(`${name} must read host:port`)
  return { host: match[1]!, port: Number(match[2]) }
}

function variable(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}
