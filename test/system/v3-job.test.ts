import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { architecture } from '../../src/system/architectures/v3-kafka-flink/index.ts'
import { isOverState } from '../../src/system/architectures/v3-kafka-flink/job/cluster.ts'
import { countsOverJobs, largestShare } from '../../src/system/architectures/v3-kafka-flink/job/figures.ts'
import { createIntake } from '../../src/system/architectures/v3-kafka-flink/job/intake.ts'
import { jobText, planOf } from '../../src/system/architectures/v3-kafka-flink/job/job-text.ts'
import { gist } from '../../src/system/architectures/v3-kafka-flink/job/rest.ts'
import { fillIn, splitStatements } from '../../src/system/architectures/v3-kafka-flink/job/statements.ts'
import type { V3Knobs } from '../../src/system/architectures/v3-kafka-flink/knobs.ts'
import { createContext } from '../../src/system/context.ts'

const at = (name: string, port: number) => ({ [`${name}_HOST`]: '127.0.0.1', [`${name}_PORT`]: String(port) })

function textWith(knobs: Partial<V3Knobs> = {}, kafkaPort = 9092) {
  const env = { LAB_DATA: '/data', ...at('POSTGRES', 5432), ...at('KAFKA', kafkaPort), ...at('KAFKA_2', 9094), ...at('KAFKA_3', 9095) }
  return jobText(createContext({ env, knobs: { ...architecture.knobs.parse({}), ...knobs } as V3Knobs, signal: new AbortController().signal }))
}

describe('the text of the job', () => {
  it('has a value for every place, a setting for every SET, and ends in the one statement that starts it', () => {
    const { settings, statements } = textWith({ checkpoint: 700, parallelism: 3 })
    expect([...Object.values(settings), ...statements].filter((text) => /[{}]{2}/.test(text))).toEqual([])
    expect(settings).toMatchObject({ 'pipeline.name': 'orders', 'execution.checkpointing.interval': '700 ms', 'parallelism.default': '3', 'execution.checkpointing.dir': 'file:///data/checkpoints' })
    expect(statements.map((statement) => statement.split(/\s+/).slice(0, 3).join(' '))).toEqual([
      'CREATE TABLE records', 'CREATE TEMPORARY VIEW', 'CREATE TEMPORARY VIEW', 'CREATE TABLE orders', 'CREATE TABLE totals', 'CREATE TABLE series', 'CREATE TABLE intake',
      'EXECUTE STATEMENT SET',
    ])
    expect(statements.at(-1)!.match(/INSERT INTO/g)).toHaveLength(4)
    expect(statements.at(-1)).toMatch(/END$/)
  })

  it('names all brokers there are', () => {
    expect(textWith({ brokers: 3 }).statements[0]).toContain("'127.0.0.1:9092,127.0.0.1:9094,127.0.0.1:9095'")
  })

  it('has state that fits another one with other addresses and more hands, and none with other windows or another text', () => {
    const { plan } = textWith()
    expect(textWith({ parallelism: 4, checkpoint: 900 }, 1_234).plan).toBe(plan)
    expect(textWith({ window: 11 }).plan).not.toBe(plan)
    expect(planOf('SELECT 1', 10)).not.toBe(planOf('SELECT 2', 10))
  })
})

describe('filling in', () => {
  it('keeps a value within its literal, whatever is in it', () => {
    fc.assert(fc.property(fc.string(), (value) => {
      const { settings } = splitStatements(fillIn("SET 'key' = '{{value}}';", { value: value.replaceAll('\n', ' ') }))
      expect(settings).toEqual({ key: value.replaceAll('\n', ' ') })
    }))
  })

  it('refuses a place without a value, and a value without a place', () => {
    expect(() => fillIn('{{a}} {{b}}', { a: 1 })).toThrow('{{b}}')
    expect(() => fillIn('{{a}}', { a: 1, b: 2 })).toThrow('no place for b')
  })

  it('refuses a text that ends within a statement', () => {
    expect(() => splitStatements('EXECUTE STATEMENT SET BEGIN\nINSERT INTO a SELECT 1;\n')).toThrow('ends within a statement')
  })
})

describe('what Flink says', () => {
  it('of its reading counts once, though a recovery says it again', () => {
    const intake = createIntake()
    const say = (partition: number, read: number, unusable: number, skipped: number): void => intake.take(Buffer.from(JSON.stringify({ partition })), Buffer.from(JSON.stringify({ read, unusable, skipped })))
    say(0, 10, 1, 2)
    say(1, 5, 0, 0)
    say(0, 4, 0, 1)
    expect(intake.total()).toEqual({ read: 17, invalid: 3 })
    say(0, 20, 1, 2)
    expect(intake.total()).toEqual({ read: 27, invalid: 3 })
  })

  it('of the busiest step is a share of the time between two readings', () => {
    const step = (busyMs: number, parallelism = 1) => ({ busyMs, backpressuredMs: 0, parallelism })
    const before = new Map([['a', step(100)], ['b', step(500, 2)], ['c', step(9_000)]])
    const now = new Map([['a', step(400)], ['b', step(1_500, 2)], ['c', step(10)], ['new', step(700)]])
    expect(largestShare(before, now, 'busyMs', 1_000)).toBe(0.5)
    expect(largestShare(before, now, 'backpressuredMs', 1_000)).toBe(0)
    expect(largestShare(new Map(), new Map(), 'busyMs', 1_000)).toBe(0)
  })

  it('of several jobs adds up', () => {
    const counts = countsOverJobs()
    const figures = (restarts: number, lateDropped: number) => ({ restarts, lateDropped, checkpointsCompleted: 0, checkpointsFailed: 0 })
    counts.take('a', figures(2, 5))
    counts.take('a', figures(3, 1))
    counts.take('b', figures(1, 1))
    expect([counts.sum('restarts')(), counts.sum('lateDropped')()]).toEqual([4, 7])
  })

  it.each([
    ['java.lang.Exception: while creating a state backend\n\tat org.apache.flink.a(A.java:1)\nCaused by: java.io.IOException: Could not restore keyed state backend', true],
    ['org.apache.flink.runtime.client.JobInitializationException: Could not start the JobMaster.\nCaused by: java.io.EOFException', true],
    ['{"errors":["<Exception:\\n\\tat a\\nCaused by: org.apache.flink.runtime.client.JobInitializationException: Could not start the JobMaster.\\n\\tat b"]}', true],
    ['java.io.IOException: unable to open JDBC writer\n\tat org.apache.flink.StreamTask.restoreStateAndGates(StreamTask.java:858)\n\tat x.BackendBuildingException.y(Z.java:1)\nCaused by: org.postgresql.util.PSQLException: Connection refused', false],
    ['org.apache.flink.runtime.jobmaster.JobMasterException: TaskManager with id taskmanager is no longer reachable.', false],
  ])('is over its state or is not: %s', (stackTrace, expected) => {
    expect(isOverState(stackTrace)).toBe(expected)
  })

  it('is told by its deepest cause', () => {
    expect(gist('{"errors":["Internal server error.","<Exception…\\n\\tat a\\nCaused by: x.Y: outer\\n\\tat b\\nCaused by: java.io.EOFException\\n\\tat c"]}')).toBe('java.io.EOFException')
    expect(gist('x'.repeat(600))).toHaveLength(502)
  })
})

