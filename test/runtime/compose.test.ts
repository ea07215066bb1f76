import { readFileSync, readdirSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COMPOSE_KEYS, isKnownKey } from '../../src/runtime/compose-keys.ts'
import { mergeCompose, normaliseService } from '../../src/runtime/compose-merge.ts'
import { portVariables, readStack, splitWords, startOrder, type Stack } from '../../src/runtime/compose.ts'
import { ComposeError, type ComposeProblem } from '../../src/runtime/errors.ts'
import { interpolate } from '../../src/runtime/interpolate.ts'

const read = (texts: string[], env: Record<string, string> = {}): Stack => readStack(texts.map((text, index) => ({ path: `/lab/${index}.yaml`, text })), env)

function problemsOf(texts: string[], env: Record<string, string> = {}): readonly ComposeProblem[] {
  try {
    read(texts, env)
  } catch (error) {
    if (error instanceof ComposeError) return error.problems
    throw error
  }
  return []
}

const POSTGRES = '{ x-lab: { provider: postgres } }'
const service = (more: string): string => `services:\n  a:\n    x-lab: { provider: node }\n    ${more}\n`

describe('interpolation', () => {
  const env = { SET: 'value', EMPTY: '' }
  it.each([
    ['$SET', 'value'],
    ['${SET}', 'value'],
    ['a-${SET}-b', 'a-value-b'],
    ['${EMPTY}', ''],
    ['${EMPTY-default}', ''],
    ['${EMPTY:-default}', 'default'],
    ['${UNSET-default}', 'default'],
    ['${UNSET:-default}', 'default'],
    ['${UNSET:-}', ''],
    ['${SET:-default}', 'value'],
    ['${UNSET:-${SET}}', 'value'],
    ['${UNSET:-${ALSO_UNSET:-deep}}:x', 'deep:x'],
    ['${SET:?must be set}', 'value'],
    ['${SET:+other}', 'other'],
    ['${EMPTY:+other}', ''],
    ['${EMPTY+other}', 'other'],
    ['${UNSET+other}', ''],
    ['$$SET', '$SET'],
    ['$${SET}', '${SET}'],
    ['100$$', '100$'],
    ['${SET:-${UNSET}}', 'value'],
  ])('%s → %s', (text, expanded) => expect(interpolate(text, env)).toEqual({ text: expanded, problems: [] }))

  it.each([
    ['$UNSET', 'UNSET is not set and has no default'],
    ['${UNSET}', 'UNSET is not set and has no default'],
    ['${UNSET:?give me one}', 'UNSET is not set: give me one'],
    ['${EMPTY:?give me one}', 'EMPTY is not set: give me one'],
    ['${UNSET', 'UNSET'],
    ['${SET', 'expected }'],
    ['${SET:-x', 'closing brace'],
    ['${}', 'no variable name'],
    ['${SET!}', 'expected }'],
    ['costs 5$', 'lone $'],
  ])('%s is refused: %s', (text, says) => expect(interpolate(text, env).problems.join()).toContain(says))

  it('leaves text without a dollar sign as it is, and never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => {
      const { text: out, problems } = interpolate(text, {})
      if (!text.includes('$')) expect(out).toBe(text)
      expect(problems.length === 0 || out === '').toBe(true)
    }))
  })

  it('gives any value back, once its dollar signs are doubled', () => {
    fc.assert(fc.property(fc.string(), (text) => void expect(interpolate(text.replaceAll('$', '$$$$'), {}).text).toBe(text)))
  })

  it('takes a value as it is, without looking for variables in it', () => {
    fc.assert(fc.property(fc.string(), (value) => void expect(interpolate('${V}', { V: value }).text).toBe(value)))
  })
})

describe('merging', () => {
  it.each([
    ['scalars: the later wins', { a: 1 }, { a: 2 }, { a: 2 }],
    ['mappings: key by key', { m: { a: 1, b: 1 } }, { m: { b: 2 } }, { m: { a: 1, b: 2 } }],
    ['lists: appended, nothing twice', { ports: ['1', '2'] }, { ports: ['2', '3'] }, { ports: ['1', '2', '3'] }],
    ['command: replaced', { command: ['a', 'b'] }, { command: ['c'] }, { command: ['c'] }],
    ['a command as text replaces one as list', { command: ['a'] }, { command: 'b' }, { command: 'b' }],
    ['nothing said: nothing changed', { m: { a: 1 } }, { m: null }, { m: { a: 1 } }],
  ])('%s', (_, base, over, merged) => expect(mergeCompose(base, over)).toEqual(merged))

  it('brings lists of environment and depends_on to names', () => {
    expect(normaliseService({ environment: ['A=1', 'B=x=y', 'C'], depends_on: ['db'] })).toEqual({
      environment: { A: '1', B: 'x=y', C: null },
      depends_on: { db: { condition: 'service_started' } },
    })
  })

  it('is associative over mappings of scalars', () => {
    const map = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer())
    fc.assert(fc.property(map, map, map, (a, b, c) => void expect(mergeCompose(mergeCompose(a, b), c)).toEqual(mergeCompose(a, mergeCompose(b, c)))))
  })
})

describe('a stack', () => {
  it('has typed services from files merged and expanded', () => {
    const base = service('command: ["api"]\n    restart: on-failure:3\n    environment: { LAB_BATCH: "${LAB_BATCH:-500}", PLAIN: 5 }')
    const over = service('deploy: { replicas: "${LAB_API:-2}" }\n    environment: [ "MORE=yes", TAKEN, NOT_GIVEN ]\n    stop_grace_period: 1m30s')
    expect(read([base, over], { LAB_BATCH: '7', TAKEN: 'over' }).services.a).toEqual({
      name: 'a', provider: 'node', image: undefined, command: ['api'], dependsOn: {}, replicas: 2, ports: {}, entry: undefined, oneShot: false, raw: expect.anything(),
      restart: { policy: 'on-failure', max: 3 }, stopGraceMs: 90_000,
      environment: { LAB_BATCH: '7', PLAIN: '5', MORE: 'yes', TAKEN: 'over' },
    })
  })

  it('takes a script relative to the file that names it', () => {
    const files = [{ path: '/one/a.yaml', text: service('image: x') }, { path: '/two/b.yaml', text: 'services: { a: { x-lab: { entry: ./s.ts } } }' }]
    expect(readStack(files, {}).services.a!.entry).toBe('/two/s.ts')
  })

  it('knows port variables before anything is expanded', () => {
    const text = 'services:\n  r:\n    command: ${UNKNOWN}\n    x-lab: { provider: redis, ports: { REDIS_PORT: 6379 } }\n'
    expect(portVariables([{ path: '/a', text }])).toEqual({ REDIS_PORT: 6379 })
  })

  it('marks as one-shot what others wait for to end', () => {
    const text = `services:
  a: { x-lab: { provider: node }, depends_on: { s: { condition: service_completed_successfully } } }
  s: { x-lab: { provider: node }, restart: no }`
    expect(read([text]).services).toMatchObject({ a: { oneShot: false }, s: { oneShot: true, restart: { policy: 'no' } } })
    expect(read([text]).order).toEqual(['s', 'a'])
  })

  it('lets anchors be shared', () => {
    const text = 'x-common: &common\n  restart: always\nservices:\n  a:\n    <<: *common\n    x-lab: { provider: node }\n'
    expect(read([text]).services.a!.restart.policy).toBe('always')
  })
})

describe('what is wrong is said with file, line and path', () => {
  it.each([
    ['an unsupported key', service('privileged: true'), 'services.a.privileged', 'does not support'],
    ['a mistyped key', service('enviroment: {}'), 'services.a.enviroment', 'did you mean environment?'],
    ['a mistyped key of x-lab', 'services: { a: { x-lab: { provider: node, port: {} } } }', 'services.a.x-lab.port', 'did you mean ports?'],
    ['a mistyped extension', service('x-labs: {}'), 'services.a.x-labs', 'did you mean x-lab?'],
    ['an unknown top key', `${service('image: x')}secrets: {}`, 'secrets', 'does not support'],
    ['no provider', 'services: { a: { image: x } }', 'services.a.x-lab', 'every service needs'],
    ['an unknown provider', 'services: { a: { x-lab: { provider: mongo } } }', 'services.a.x-lab.provider', 'postgres, redis'],
    ['a bad restart policy', service('restart: sometimes'), 'services.a.restart', 'on-failure'],
    ['a bad condition', service('depends_on: { a: { condition: done } }'), 'services.a.depends_on.a.condition', 'service_healthy'],
    ['a bad port variable', 'services: { a: { x-lab: { provider: node, ports: { port: 1 } } } }', 'services.a.x-lab.ports.port', 'REDIS_PORT'],
    ['replicas that are no number', service('deploy: { replicas: many }'), 'services.a.deploy.replicas', 'number'],
    ['replicas of a store', 'services: { a: { deploy: { replicas: 2 }, x-lab: { provider: redis } } }', 'services.a.deploy.replicas', 'only provider node'],
    ['a script for a store', 'services: { a: { x-lab: { provider: redis, entry: x } } }', 'services.a.x-lab.entry', 'only provider node'],
    ['a standby of nothing', `services: { p: ${POSTGRES}, r: { x-lab: { provider: postgres, standbyOf: q } } }`, 'services.r.x-lab.standbyOf', 'q is no PostgreSQL that could be followed'],
    ['a standby that does not wait', `services: { p: ${POSTGRES}, r: { depends_on: [p], x-lab: { provider: postgres, standbyOf: p } } }`, 'services.r.x-lab.standbyOf', 'service_healthy'],
    ['a standby of another kind', `services: { p: ${POSTGRES}, r: { x-lab: { provider: redis, standbyOf: p } } }`, 'services.r.x-lab.standbyOf', 'only provider postgres'],
    ['an entrypoint elsewhere', service('entrypoint: [sh]'), 'services.a.entrypoint', 'only a standby'],
    ['a missing dependency', service('depends_on: [b]'), 'services.a.depends_on.b', 'there is no service b'],
    ['a circle', service('depends_on: [a]'), 'services.a.depends_on', 'a → a'],
    ['an unset variable', service('image: ${NOPE}'), 'services.a.image', 'NOPE is not set'],
    ['a variable in a list', service('command: [x, "${NOPE}"]'), 'services.a.command.1', 'NOPE is not set'],
    ['no services', 'name: x', 'services', 'there are no services'],
    ['a key twice', 'services: {}\nservices: {}', '', 'unique'],
    ['no mapping', '[]', '', 'mapping'],
    ['an unknown tag', service('image: !reset x'), '', 'tag'],
  ])('%s', (_, text, path, says) => {
    const problems = problemsOf([text])
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatchObject({ file: '/lab/0.yaml', path })
    expect(problems[0]!.says).toContain(says)
  })

  it('names the line, and the file that said it', () => {
    const [problem] = problemsOf([service('image: x'), 'services:\n  a:\n    restart: never\n'])
    expect(problem).toMatchObject({ file: '/lab/1.yaml', line: 3 })
  })

  it('says everything at once', () => {
    const text = 'services:\n  a: { image: "${NOPE}", x-lab: { provider: mongo } }\n  b: { volums: [], x-lab: { provider: node, ports: { P_PORT: 0 } } }\nconfigs: {}\n'
    expect(problemsOf([text]).map(({ path }) => path).sort()).toEqual(['configs', 'services.a.image', 'services.a.x-lab.provider', 'services.b.volums', 'services.b.x-lab.ports.P_PORT'])
  })

  it('refuses one port variable for two services', () => {
    const text = 'services: { a: { x-lab: { provider: redis, ports: { R_PORT: 1 } } }, b: { x-lab: { provider: redis, ports: { R_PORT: 1 } } } }'
    expect(problemsOf([text])[0]!.says).toContain('service a has R_PORT already')
  })
})

it('knows a standby, and its entrypoint', () => {
  const text = `services: { p: ${POSTGRES}, r: { entrypoint: [bash, -c, x], depends_on: { p: { condition: service_healthy } }, x-lab: { provider: postgres, standbyOf: p } } }`
  expect(read([text]).services.r).toMatchObject({ standbyOf: 'p' })
})

describe('order of start', () => {
  it('puts every service after all it depends on, whatever the graph', () => {
    const graph = fc.array(fc.array(fc.nat(9), { maxLength: 4 }), { minLength: 1, maxLength: 10 })
    fc.assert(fc.property(graph, (edges) => {
      // Only edges to earlier ones, so there is no circle; the names run backwards to make it harder.
      const services = Object.fromEntries(edges.map((targets, index) => [`s${index}`, { dependsOn: Object.fromEntries(targets.filter((t) => t < index).map((t) => [`s${t}`, 'service_healthy' as const])) }] as const).reverse())
      const { order, cycle } = startOrder(services)
      expect(cycle).toBeUndefined()
      expect(order.toSorted()).toEqual(Object.keys(services).sort())
      for (const [name, { dependsOn }] of Object.entries(services)) {
        for (const other of Object.keys(dependsOn)) expect(order.indexOf(other)).toBeLessThan(order.indexOf(name))
      }
    }))
  })

  it('finds a circle and walks it', () => {
    const on = (name: string) => ({ dependsOn: { [name]: 'service_started' as const } })
    expect(startOrder({ a: on('b'), b: on('c'), c: on('b') }).cycle).toEqual(['b', 'c', 'b'])
  })
})

describe('words of a command', () => {
  it.each([
    ['redis-server --appendonly yes', ['redis-server', '--appendonly', 'yes']],
    ['  a   b ', ['a', 'b']],
    [`--save "" x`, ['--save', '', 'x']],
    [`a 'b c' "d e" f\\ g`, ['a', 'b c', 'd e', 'f g']],
    [`a"b"'c'`, ['abc']],
    [`"say \\"hi\\""`, ['say "hi"']],
    ['', []],
  ])('%s', (line, words) => expect(splitWords(line)).toEqual(words))
})

describe('the compose files of the project', () => {
  const folder = new URL('../../compose/', import.meta.url)
  const architectures = readdirSync(folder).filter((name) => name.endsWith('.yaml') && name !== 'base.yaml')
  // An overlay, `v1.replica.yaml`, comes after the file of its architecture; that of Kafka's brokers goes with every architecture that has them.
  const alone = architectures.flatMap((name) => (name.startsWith('kafka.') ? ['v3', 'v5'] : [name.split('.')[0]!]).map((own) => [`${own}.yaml`, name]))
  it.each(alone)('base.yaml + %s + %s can be read', (own, name) => {
    const files = [...new Set(['base.yaml', own, name])].map((file) => ({ path: file, text: readFileSync(new URL(file, folder), 'utf8') }))
    const stack = readStack(files, {})
    expect(stack.services.api).toMatchObject({ provider: 'node', command: ['api'], ports: { API_PORT: 8005 } })
  })
})

describe('a standby', () => {
  /** A server that replays the log must have at least as much of these as the one that wrote it. */
  const BOUND = ['max_connections', 'max_worker_processes', 'max_wal_senders', 'max_prepared_transactions', 'max_locks_per_transaction']
  it('of v1 has at least the limits of its primary', () => {
    const files = ['base', 'v1', 'v1.replica'].map((name) => new URL(`../../compose/${name}.yaml`, import.meta.url)).map((url) => ({ path: url.pathname, text: readFileSync(url, 'utf8') }))
    const { replica, postgres } = readStack(files, {}).services
    const setting = (command: readonly string[], name: string) => Number(command.find((word) => word.startsWith(`${name}=`))?.split('=')[1] ?? 0)
    for (const name of BOUND) expect(setting(replica!.command, name), name).toBeGreaterThanOrEqual(setting(postgres!.command, name))
    expect(replica).toMatchObject({ standbyOf: 'postgres', ports: { REPLICA_PORT: 5432 } })
  })
})

describe('the table of keys', () => {
  it('has a meaning for each', () => expect(Object.values(COMPOSE_KEYS).every(({ says }) => says.length > 3)).toBe(true))
  it.each([
    [['services', 'x', 'image'], true],
    [['services', 'x', 'healthcheck', 'test'], true],
    [['x-anything', 'below'], true],
    [['services', 'x', 'image', 'below'], false],
    [['service'], false],
  ])('%j known: %s', (path, known) => expect(isKnownKey(path)).toBe(known))
})
