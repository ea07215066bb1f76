import { describe, expect, it } from 'vitest'
import { configFiles } from '../../src/runtime/local/clickhouse-config.ts'
import { METRICS_STATEMENT, metricsText } from '../../src/runtime/local/clickhouse-metrics.ts'
import { loginOf } from '../../src/runtime/local/clickhouse.ts'

const service = (environment: Record<string, string>, command: string[] = []) => ({ name: 'clickhouse', environment, command })

describe('what the public image is told', () => {
  it('is user, password and database', () => {
    expect(loginOf(service({ CLICKHOUSE_USER: 'lab', CLICKHOUSE_PASSWORD: 'x', CLICKHOUSE_DB: 'lab' }))).toEqual({ CLICKHOUSE_USER: 'lab', CLICKHOUSE_PASSWORD: 'x', CLICKHOUSE_DB: 'lab' })
    expect(loginOf(service({ CLICKHOUSE_USER: 'lab' }))).toEqual({ CLICKHOUSE_USER: 'lab', CLICKHOUSE_PASSWORD: '', CLICKHOUSE_DB: '' })
  })

  it.each([
    ['no user', service({}), 'CLICKHOUSE_USER is "default"'],
    ['a user that is no name', service({ CLICKHOUSE_USER: 'a b' }), 'CLICKHOUSE_USER is "a b"'],
    ['a database that is no name', service({ CLICKHOUSE_USER: 'lab', CLICKHOUSE_DB: 'lab; DROP' }), 'CLICKHOUSE_DB is "lab; DROP"'],
    ['a command', service({ CLICKHOUSE_USER: 'lab' }, ['bash']), 'not bash'],
  ])('is refused by name: %s', (_what, given, says) => expect(() => loginOf(given)).toThrow(says))
})

it('a configuration says where to listen and who may come, whatever the password', () => {
  const files = configFiles({ host: '127.0.0.1', port: 1234, dataFolder: '/tmp/<x>', user: 'lab', password: `"'<&`, accessManagement: false })
  expect(files['config.xml']).toContain('<http_port>1234</http_port>')
  expect(files['config.xml']).toContain('<path>/tmp/&#60;x&#62;/</path>')
  expect(files['users.xml']).toContain('<lab>\n      <password>&#34;&#39;&#60;&#38;</password>')
  expect(files['users.xml']).toContain('<access_management>0</access_management>')
})

it('figures are Prometheus text, and one that is missing is left out', () => {
  const text = metricsText('lab_clickhouse_parts\t7\nlab_clickhouse_inserts_total\t12\nsomething_else\t1\n')
  expect(text).toContain('# TYPE lab_clickhouse_parts gauge\nlab_clickhouse_parts 7\n')
  expect(text).toContain('# TYPE lab_clickhouse_inserts_total counter\nlab_clickhouse_inserts_total 12\n')
  expect(text.match(/^lab_/gm)).toHaveLength(2)
  expect(METRICS_STATEMENT.match(/UNION ALL/g)).toHaveLength(7)
})
