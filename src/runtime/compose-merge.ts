/**
 * Merging of compose files as `docker compose -f a -f b` does it: mappings key by key, lists appended,
 * `command` and a health check's `test` replaced, `environment` and `depends_on` by name in either of their forms.
 */
export type Yaml = null | boolean | number | string | Yaml[] | { [key: string]: Yaml }
export type YamlMap = { [key: string]: Yaml }

export function isMap(value: Yaml | undefined): value is YamlMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Lists that a later file replaces as a whole. */
const REPLACED = new Set(['command', 'entrypoint', 'test'])

export function mergeCompose(base: YamlMap, over: YamlMap): YamlMap {
  const merged: YamlMap = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const before = merged[key]
    if (isMap(before) && isMap(value)) merged[key] = mergeCompose(before, value)
    else if (Array.isArray(before) && Array.isArray(value) && !REPLACED.has(key)) merged[key] = appended(before, value)
    else if (value !== null || before === undefined) merged[key] = value
  }
  return merged
}

/** Brings the two ways to write `environment`, `labels` and `depends_on` to the one with names, so that files can be merged. */
export function normaliseService(service: YamlMap): YamlMap {
  const normal: YamlMap = { ...service }
  if (Array.isArray(service.environment)) normal.environment = assignments(service.environment)
  if (Array.isArray(service.labels)) normal.labels = assignments(service.labels)
  if (Array.isArray(service.depends_on)) {
    normal.depends_on = Object.fromEntries(service.depends_on.map((name) => [String(name), { condition: 'service_started' }]))
  }
  return normal
}

function assignments(list: Yaml[]): YamlMap {
  return Object.fromEntries(
    list.map((item) => {
      const [name, ...rest] = String(item).split('=')
      return [name!, rest.length > 0 ? rest.join('=') : null]
    }),
  )
}

function appended(before: Yaml[], after: Yaml[]): Yaml[] {
  const seen = new Set(before.map((item) => JSON.stringify(item)))
  return [...before, ...after.filter((item) => !seen.has(JSON.stringify(item)))]
}
