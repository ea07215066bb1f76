import { expect, test } from 'vitest'
import { tracingSettings } from '../../../src/system/tracing/settings.ts'

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/' }

test.each([
  ['nothing is set', {}],
  ['the endpoint is empty, as compose files leave it', { OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_TRACES_SAMPLER_ARG: '1' }],
  ['the SDK is disabled', { ...ENDPOINT, OTEL_SDK_DISABLED: 'true' }],
  ['no exporter is wanted', { ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }],
  ['the sampler is off', { ...ENDPOINT, OTEL_TRACES_SAMPLER: 'always_off' }],
])('no tracing where %s', (_, env) => {
  expect(tracingSettings(env, 'api')).toBeUndefined()
})

test('the rest as OpenTelemetry defines it', () => {
  expect(tracingSettings(ENDPOINT, 'api')).toEqual({ url: 'http://collector:4318/v1/traces', service: 'api', ratio: 1 })
  expect(tracingSettings({ ...ENDPOINT, OTEL_TRACES_SAMPLER_ARG: '0.02', OTEL_SERVICE_NAME: 'shop' }, 'api')).toMatchObject({ ratio: 0.02, service: 'shop' })
  expect(tracingSettings({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://x:1/a' }, 'api')).toMatchObject({ url: 'http://x:1/a' })
})

test.each([
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317' }, /OTEL_EXPORTER_OTLP_ENDPOINT.*http:\/\/collector:4318/],
  [{ ...ENDPOINT, OTEL_TRACES_SAMPLER: 'sometimes' }, /OTEL_TRACES_SAMPLER is "sometimes"; allowed: always_on/],
  [{ ...ENDPOINT, OTEL_TRACES_SAMPLER_ARG: '50' }, /OTEL_TRACES_SAMPLER_ARG is "50".*0 to 1/],
])('%j is refused by name', (env, says) => {
  expect(() => tracingSettings(env, 'api')).toThrow(says)
})
