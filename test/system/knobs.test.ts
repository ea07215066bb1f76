import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ARCHITECTURE_IDS, loadArchitecture } from '../../src/system/architectures/index.ts'
import { addressesFrom, failpointFrom } from '../../src/system/context.ts'
import { defaultKnobs, describeKnobs, envFromKnobs, knobProblemLine, knobsFromEnv, parseKnobs, variableOf } from '../../src/system/knobs.ts'

const v2 = await loadArchitecture('v2')

describe('knobs', () => {
  it.each([['batch', 'LAB_BATCH'], ['syncCommit', 'LAB_SYNC_COMMIT']])('%s travels as %s', (knob, variable) => {
    expect(variableOf(knob)).toBe(variable)
  })

  it('are numbers where the schema says so, and defaults where nothing is given', () => {
    expect(parseKnobs(v2, { batch: '500', payload: 'diff' })).toEqual({ ok: true, knobs: { ...defaultKnobs(v2), batch: 500, payload: 'diff' } })
  })

  it('tell all problems at once, with what is allowed and what was meant', () => {
    const parsed = parseKnobs(v2, { bach: '1', batch: '0', flush: '1e1', fsync: 'alway', consumers: '2' })
    expect(parsed.ok).toBe(false)
    const lines = parsed.ok ? [] : parsed.problems.map(knobProblemLine)
    expect(lines).toHaveLength(4)
    expect(lines[0]).toMatch(/^v2 has no knob "bach"\. Allowed: batch, flush, .*\. Did you mean "batch"\?$/)
    expect(lines.slice(1)).toEqual([
      'batch cannot be "0". Allowed: 1 … 10000 (integer).',
      'flush cannot be "1e1". Allowed: 0 … 1000 (integer).',
      'fsync cannot be "alway". Allowed: no | everysec | always. Did you mean "always"?',
    ])
  })

  it('named like something every object has are unknown', () => {
    expect(parseKnobs(v2, { constructor: '1' })).toMatchObject({ ok: false })
  })

  it('in the environment are named as variables; empty ones count as not set', () => {
    expect(knobsFromEnv(v2, { LAB_BATCH: '', LAB_RUN: 'x' })).toEqual({ ok: true, knobs: defaultKnobs(v2) })
    const parsed = knobsFromEnv(v2, { LAB_FSYNC: 'never' })
    expect(parsed).toMatchObject({ ok: false, problems: [{ name: 'LAB_FSYNC', value: 'never', allowed: 'no | everysec | always' }] })
  })

  it('come back from the environment as they went (property)', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 10_000 }), fc.constantFrom('no', 'everysec', 'always'), (batch, fsync) => {
      const knobs = { ...defaultKnobs(v2), batch, fsync }
      expect(knobsFromEnv(v2, envFromKnobs(knobs))).toEqual({ ok: true, knobs })
    }))
  })

  it.each(ARCHITECTURE_IDS)('of %s have a description, a default and allowed values', async (id) => {
    for (const knob of describeKnobs(await loadArchitecture(id))) {
      expect(knob.description).not.toBe('')
      expect(knob.default).not.toBe('')
      expect(knob.allowed).not.toBe('')
    }
  })
})

describe('compose files', () => {
  const text = (name: string) => readFileSync(new URL(`../../compose/${name}.yaml`, import.meta.url), 'utf8')

  it.each(ARCHITECTURE_IDS)('of %s carry every knob, with the default of the schema', async (id) => {
    const yaml = text('base') + text(id)
    for (const knob of describeKnobs(await loadArchitecture(id))) {
      const defaults = [...yaml.matchAll(new RegExp(`\\$\\{${knob.variable}:-([^}]*)\\}`, 'g'))].map((it) => it[1])
      expect(defaults, `${knob.variable} in compose/${id}.yaml`).not.toEqual([])
      expect(new Set(defaults), `${knob.variable} in compose/${id}.yaml`).toEqual(new Set([String(knob.default)]))
    }
  })

  it('give PostgreSQL the account that the services use', async () => {
    const { ACCOUNT } = await import('../../src/system/postgres/connect.ts')
    for (const [variable, value] of [['POSTGRES_USER', ACCOUNT.user], ['POSTGRES_PASSWORD', ACCOUNT.password], ['POSTGRES_DB', ACCOUNT.database]]) {
      expect(text('v2')).toContain(`${variable}: ${value}\n`)
    }
  })
})

describe('an architecture', () => {
  it('that is not there is refused with what there is', async () => {
    await expect(loadArchitecture('v22')).rejects.toThrow(`There is no architecture "v22". Allowed: ${ARCHITECTURE_IDS.join(', ')}. Did you mean "v2"?`)
    await expect(loadArchitecture('constructor')).rejects.toThrow(`Allowed: ${ARCHITECTURE_IDS.join(', ')}`)
  })

  it('promises what its knobs allow', () => {
    const promise = (fsync: string) => v2.guarantee({ ...defaultKnobs(v2), fsync })
    expect(promise('always')).toMatchObject({ level: 'effectively-once', mayLose: false })
    expect(promise('everysec').mayLose).toMatchObject({ after: ['redis'], says: expect.stringContaining('2 s') as string })
    expect(promise('no').mayLose).toMatchObject({ says: expect.stringContaining('30 s') as string })
  })
})

describe('a context', () => {
  it('has the addresses of its backends, and says which variable is missing', () => {
    const address = addressesFrom({ REDIS_HOST: '127.0.0.1', REDIS_PORT: '6379', KAFKA_HOST: 'kafka', KAFKA_PORT: 'x' })
    expect(address('redis')).toEqual({ host: '127.0.0.1', port: 6379 })
    expect(() => address('postgres')).toThrow('POSTGRES_HOST is not set')
    expect(() => address('kafka')).toThrow('KAFKA_PORT is "x"')
  })

  it.each([
    ['worker:after-commit', 'worker', ['after-read', 'after-commit'], 1],
    ['worker:after-commit@3', 'worker', ['after-commit', 'after-commit'], 0],
    ['worker:after-commit@2', 'worker', ['after-commit', 'after-commit', 'after-commit'], 1],
    ['worker:after-commit', 'api', ['after-commit'], 0],
    ['worker:after-read@2, worker:after-commit', 'worker', ['after-read', 'after-commit'], 1],
    ['worker:after-read,api:after-publish,worker:after-commit', 'worker', ['after-read', 'after-commit', 'after-publish'], 2],
    ['', '', [''], 0],
  ])('with LAB_FAILPOINT=%s kills %s passing %j %i times', (armed, role, points, kills) => {
    let killed = 0
    const failpoint = failpointFrom({ LAB_FAILPOINT: armed }, role, () => { killed += 1; return true })
    points.forEach((it) => failpoint(it))
    expect(killed).toBe(kills)
  })

  it('kills once when a file remembers it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'failpoint-'))
    const env = { LAB_FAILPOINT: 'worker:after-read', LAB_FAILPOINT_ONCE: join(folder, 'fired') }
    let killed = 0
    for (let life = 0; life < 3; life++) failpointFrom(env, 'worker', () => { killed += 1; return true })('after-read')
    expect(killed).toBe(1)
    expect(existsSync(env.LAB_FAILPOINT_ONCE)).toBe(true)
    rmSync(folder, { recursive: true })
  })

  it('kills once at each of several', () => {
    const folder = mkdtempSync(join(tmpdir(), 'failpoint-'))
    const env = { LAB_FAILPOINT: 'worker:after-read,worker:after-commit', LAB_FAILPOINT_ONCE: join(folder, 'fired') }
    const kills: string[] = []
    for (let life = 0; life < 3; life++) {
      for (const point of ['after-read', 'after-commit']) failpointFrom(env, 'worker', () => { kills.push(point); return true })(point)
    }
    expect(kills).toEqual(['after-read', 'after-commit'])
    expect(existsSync(`${env.LAB_FAILPOINT_ONCE}-2`)).toBe(true)
    rmSync(folder, { recursive: true })
  })
})
