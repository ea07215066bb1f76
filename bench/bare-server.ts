/** The least that accepts an order: node:http, the body parsed, 202 with its id. Prints its port. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8')
  request.on('data', (text: string) => (body += text))
  request.on('end', () => {
    const { id } = JSON.parse(body) as { id: string }
    response.writeHead(202, { 'content-type': 'application/json' })
    response.end(`{"id":"${id}"}`)
  })
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
