import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { environmentOf, namespaceOf, placeOf } from '../../../src/runtime/external/external.ts'
import { readExternals } from '../../../src/runtime/external/read-urls.ts'

function read(env: Record<string, string>): { externals: ReturnType<typeof readExternals>; problems: string[] } {
  const problems: string[] = []
  return { externals: readExternals(env, problems, (path) => `certificate of ${path}`), problems }
}

describe('URLs of servers that are not the lab\'s', () => {
  test.each([
    ['LAB_POSTGRES_URL', 'postgres://ann:a%40b%2Fc@db.example/shop', { hosts: [{ host: 'db.example', port: 5432 }], user: 'ann', password: 'a@b/c', database: 'shop', tls: 'off' }],
    ['LAB_POSTGRES_URL', 'postgresql://ann@[::1]:6000/shop?sslmode=require', { hosts: [{ host: '::1', port: 6000 }], user: 'ann', database: 'shop', tls: 'encrypt' }],
    ['LAB_POSTGRES_URL', 'postgres://ann:x@db/shop?sslmode=verify-full&sslrootcert=/ca.pem', { hosts: [{ host: 'db', port: 5432 }], tls: 'verify', ca: 'certificate of /ca.pem' }],
    ['LAB_REDIS_URL', 'redis://cache', { hosts: [{ host: 'cache', port: 6379 }], tls: 'off' }],
    ['LAB_REDIS_URL', 'rediss://:s3:cret@cache:7000/3', { hosts: [{ host: 'cache', port: 7000 }], password: 's3:cret', database: '3', tls: 'verify' }],
    ['LAB_KAFKA_URL', 'kafka://k1:9092,k2:9093,k3', { hosts: [{ host: 'k1', port: 9092 }, { host: 'k2', port: 9093 }, { host: 'k3', port: 9092 }] }],
    ['LAB_RABBITMQ_URL', 'amqp://u:p@mq/%2Forders', { hosts: [{ host: 'mq', port: 5672 }], database: '/orders' }],
    ['LAB_RABBITMQ_URL', 'amqps://u:p@mq', { hosts: [{ host: 'mq', port: 5671 }], tls: 'verify' }],
    ['LAB_CLICKHOUSE_URL', 'https://u:p@ch', { hosts: [{ host: 'ch', port: 8443 }], tls: 'verify' }],
  ])('%s=%s', (variable, url, expected) => {
    const { externals, problems } = read({ [variable]: url })
    expect(problems).toEqual([])
    expect(externals).toHaveLength(1)
    expect(externals[0]).toMatchObject(expected)
  })

  test.each([
    ['LAB_POSTGRES_URL', '', /is empty/],
    ['LAB_POSTGRES_URL', 'db:5432', /is no URL/],
    ['LAB_POSTGRES_URL', 'mysql://u:secret@db/x', /scheme mysql.*postgres, postgresql/],
    ['LAB_POSTGRES_URL', 'postgres://db/shop', /names no user/],
    ['LAB_POSTGRES_URL', 'postgres://u:secret@db', /names no database/],
    ['LAB_POSTGRES_URL', 'postgres://u:secret@db/shop?sslmode=prefer', /sslmode=prefer.*verify-full/],
    ['LAB_POSTGRES_URL', 'postgres://u:secret@db/shop?pool=3', /parameter pool/],
    ['LAB_POSTGRES_URL', 'postgres://u:se%zzcret@db/shop', /% that is not followed/],
    ['LAB_POSTGRES_URL', 'postgres://u:secret@db:0/shop', /host or a port that is none/],
    ['LAB_REDIS_URL', 'redis://:secret@cache/zero', /number of a database/],
    ['LAB_REDIS_URL', 'redis://:secret@a,b', /names 2 hosts/],
    ['LAB_KAFKA_URL', 'kafka://u:secret@k1', /SASL is not supported/],
    ['LAB_RABBITMQ_URL', 'http://u:secret@mq', /scheme http/],
    ['LAB_CLICKHOUSE_URL', 'http://u:secret@ch/shop', /something behind the host/],
  ])('%s=%s is refused, and nothing of it but names is said', (variable, url, says) => {
    const { externals, problems } = read({ [variable]: url })
    expect(externals).toEqual([])
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(says)
    expect(problems[0]).toContain(variable)
    expect(problems[0]).not.toContain('secret')
  })

  test('every problem at once', () => {
    expect(read({ LAB_POSTGRES_URL: '', LAB_REDIS_URL: 'x', LAB_KAFKA_URL: 'kafka://' }).problems).toHaveLength(3)
  })

  test('any user and password arrive as they were, and where it is shown has nothing of them', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme', minLength: 12 }), (user, password) => {
      const encoded = (text: string): string => encodeURIComponent(text)
      const { externals: [one] } = read({ LAB_POSTGRES_URL: `postgres://${encoded(user)}:${encoded(password)}@db/shop` })
      expect([one!.user, one!.password]).toEqual([user, password])
      expect(placeOf(one!)).toBe('db:5432/shop')
      expect(environmentOf(one!, 'lab_x')).toMatchObject({ POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_NAMESPACE: 'lab_x' })
    }))
  })

  test('the part of a run is a plain name that fits everywhere, whatever the run is called', () => {
    fc.assert(fc.property(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/), (runId) => {
      expect(namespaceOf(runId, 'a1b2c3')).toMatch(/^lab_[a-z0-9_]{0,45}_a1b2c3$/)
    }))
  })
})
