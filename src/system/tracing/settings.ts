/**
 * Whether and how a process traces, by the variables that OpenTelemetry defines. Without OTEL_EXPORTER_OTLP_ENDPOINT it does not.
 * https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export interface TracingSettings {
  /** Where spans are sent: OTLP over HTTP, JSON. */
  url: string
  service: string
  /** Share of the events that are traced. */
  ratio: number
}

type Env = Record<string, string | undefined>

const SAMPLERS: Record<string, (argument: number) => number> = {
  always_on: () => 1,
  always_off: () => 0,
  traceidratio: (argument) => argument,
  parentbased_always_on: () => 1,
  parentbased_always_off: () => 0,
  parentbased_traceidratio: (argument) => argument,
}

/** `undefined`: tracing is off. @throws where a variable is wrong, naming it */
export function tracingSettings(env: Env, role: string): TracingSettings | undefined {
  const base = env['OTEL_EXPORTER_OTLP_ENDPOINT']
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']
  if ((!base && !own) || env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none') return undefined
  const url = own || `${base!.replace(/\/+$/, '')}/v1/traces`
  if (!/^http:\/\/./.test(url) || !URL.canParse(url)) throw new Error(`OTEL_EXPORTER_OTLP_ENDPOINT is ${JSON.stringify(own || base)}: expected OTLP over plain HTTP, such as http://collector:4318`)
  const sampler = env['OTEL_TRACES_SAMPLER'] || 'parentbased_traceidratio'
  if (!Object.hasOwn(SAMPLERS, sampler)) throw new Error(`OTEL_TRACES_SAMPLER is ${JSON.stringify(sampler)}; allowed: ${Object.keys(SAMPLERS).join(', ')}`)
  const argument = Number(env['OTEL_TRACES_SAMPLER_ARG'] || 1)
  if (!(argument >= 0 && argument <= 1)) throw new Error(`OTEL_TRACES_SAMPLER_ARG is ${JSON.stringify(env['OTEL_TRACES_SAMPLER_ARG'])}: expected a share from 0 to 1`)
  const ratio = SAMPLERS[sampler]!(argument)
  return ratio === 0 ? undefined : { url, service: env['OTEL_SERVICE_NAME'] || role, ratio }
}
