import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { readStack } from '../../src/runtime/compose.ts'
import { linkable, planLinks, withLinks } from '../../src/runtime/links.ts'

const stackOf = (...names: string[]) =>
  readStack(names.map((name) => ({ path: `${name}.yaml`, text: readFileSync(fileURLToPath(new URL(`../../compose/${name}.yaml`, import.meta.url)), 'utf8') })), {})

describe('a proxy in front of a service', () => {
  test.each([
    [['base', 'v2'], ['api', 'postgres', 'redis']],
    [['base', 'v1', 'v1.replica'], ['api', 'postgres', 'redis', 'replica']],
    [['base', 'v4'], ['api', 'postgres', 'redis', 'rabbitmq']],
    [['base', 'v5', 'kafka.three'], ['api', 'kafka', 'clickhouse', 'redis', 'kafka-2', 'kafka-3']],
    [['base', 'v3'], ['api', 'postgres', 'redis', 'kafka']],
  ])('%j: %j can have one', (files, services) => expect(linkable(stackOf(...files)).sort()).toEqual(services.sort()))

  test('takes the port for clients, of Kafka not its controller', () => {
    expect(planLinks(stackOf('base', 'v5', 'kafka.three'), ['kafka-2', 'api'])).toMatchObject([
      { target: 'kafka-2', name: 'kafka-2-link', variable: 'KAFKA_2_PORT', port: 9092, isApi: false },
      { target: 'api', name: 'api-link', variable: 'API_PORT', port: 8005, isApi: true },
    ])
    expect(() => planLinks(stackOf('base', 'v2'), ['worker'])).toThrow('no proxy can stand in front of worker')
  })

  test('is there before everybody else, and is steered with a token that nobody else has', () => {
    const stack = stackOf('base', 'v2')
    const links = planLinks(stack, ['redis'])
    const { services, order } = withLinks(stack, links, () => ({ listen: 'a:1', target: 'b:2', control: 'c:3' }))
    expect(order[0]).toBe('redis-link')
    for (const name of Object.keys(stack.services)) expect(services[name]!.dependsOn, name).toMatchObject({ 'redis-link': 'service_healthy' })
    expect(services['redis-link']!.environment).toMatchObject({ LINK_LISTEN: 'a:1', LINK_TARGET: 'b:2', LINK_CONTROL: 'c:3', LINK_TOKEN: links[0]!.token })
    expect(planLinks(stack, ['redis'])[0]!.token).not.toBe(links[0]!.token)
    expect(withLinks(stack, [], () => ({ listen: '', target: '', control: '' }))).toBe(stack)
  })
})
