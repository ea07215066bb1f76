/**
 * What every key of a compose file means to the lab. A key that is not listed is refused by name, so that nobody
 * believes a setting is in force that is not. `*` stands for a name of one's own, `**` for anything below.
 */
export interface ComposeKey {
  /** `used`: by every runtime. `docker`: by Docker alone; the local runtime goes without. */
  by: 'used' | 'docker'
  says: string
}

export const COMPOSE_KEYS: Readonly<Record<string, ComposeKey>> = {
  name: { by: 'docker', says: 'project name' },
  version: { by: 'docker', says: 'obsolete, for old tools' },
  'x-*.**': { by: 'used', says: 'anchors to share between services' },
  'volumes.**': { by: 'docker', says: 'locally every store has a data folder of the run, and our own services share ${DATA_FOLDER}' },
  'networks.**': { by: 'docker', says: 'locally everything is on 127.0.0.1' },
  'services.*': { by: 'used', says: 'one thing that runs' },
  'services.*.image': { by: 'docker', says: 'locally the provider brings its own binaries' },
  'services.*.build.**': { by: 'docker', says: 'how the image is made' },
  'services.*.command': { by: 'used', says: 'node: the role and its arguments; stores: the command of the public image' },
  'services.*.entrypoint': { by: 'docker', says: 'only of a standby (x-lab.standbyOf): how its container becomes one; locally the provider sees to it' },
  'services.*.environment.*': { by: 'used', says: 'variables of the process; a name without a value is taken from the caller' },
  'services.*.depends_on.*.condition': {
    by: 'used',
    says: 'service_started: its process runs; service_healthy: it is ready; service_completed_successfully: it ended with 0',
  },
  'services.*.depends_on.*.required': { by: 'docker', says: 'every dependency must be there' },
  'services.*.depends_on.*.restart': { by: 'docker', says: 'the lab restarts nothing because of another service' },
  'services.*.restart': { by: 'used', says: '"no", on-failure[:n], always, unless-stopped; restarts are reported and bounded' },
  'services.*.deploy.replicas': { by: 'used', says: 'number of processes; more than one only for provider node' },
  'services.*.deploy.resources.**': { by: 'docker', says: 'limits of the container' },
  'services.*.deploy.endpoint_mode': { by: 'docker', says: 'swarm' },
  'services.*.deploy.placement.**': { by: 'docker', says: 'swarm' },
  'services.*.stop_grace_period': { by: 'used', says: 'from the polite signal to SIGKILL when a service is stopped; default 10s' },
  'services.*.ports': { by: 'docker', says: 'published ports; locally x-lab.ports says which there are' },
  'services.*.expose': { by: 'docker', says: 'documentation' },
  'services.*.healthcheck.**': { by: 'docker', says: 'locally every provider has a readiness check of its own' },
  'services.*.networks.**': { by: 'docker', says: 'locally everything is on 127.0.0.1' },
  'services.*.volumes': { by: 'docker', says: 'locally every store has a data folder of the run, and our own services share ${DATA_FOLDER}' },
  'services.*.tmpfs': { by: 'docker', says: 'mounts of the container' },
  'services.*.hostname': { by: 'docker', says: 'name of the container' },
  'services.*.user': { by: 'docker', says: 'locally the user of the lab (postgres under root: nobody)' },
  'services.*.init': { by: 'docker', says: 'an init in the container' },
  'services.*.shm_size': { by: 'docker', says: 'of the container' },
  'services.*.ulimits.**': { by: 'docker', says: 'of the container' },
  'services.*.sysctls.**': { by: 'docker', says: 'of the container' },
  'services.*.labels.**': { by: 'docker', says: 'of the container' },
  'services.*.logging.**': { by: 'docker', says: 'locally output goes to logs/<service>.log' },
  'services.*.x-lab.provider': { by: 'used', says: 'what kind of thing it is, so that the local runtime can run it without an image' },
  'services.*.x-lab.ports.*': { by: 'used', says: 'variable (`REDIS_PORT`) and the port inside the container; the host is `REDIS_HOST`' },
  'services.*.x-lab.standbyOf': { by: 'used', says: 'postgres: a streaming replica of this service, made from a base backup when it first starts' },
  'services.*.x-lab.entry': { by: 'used', says: 'node: runs this script (relative to the compose file) in place of the system' },
}

const PATTERNS = Object.keys(COMPOSE_KEYS).map((pattern) => pattern.split('.'))

/** Is there a meaning for this key, or for one below it? `path` holds the keys from the root down; items of lists are not keys. */
export function isKnownKey(path: readonly string[]): boolean {
  return PATTERNS.some((pattern) => covers(pattern, path))
}

/** Names that may stand where the last part of `path` stands. */
export function knownBeside(path: readonly string[]): string[] {
  const parent = path.slice(0, -1)
  const names = PATTERNS.filter((pattern) => pattern.length > parent.length && covers(pattern.slice(0, parent.length), parent))
    .map((pattern) => pattern[parent.length]!)
    .filter((name) => !name.includes('*'))
  return [...new Set(names)].sort()
}

function covers(pattern: readonly string[], path: readonly string[]): boolean {
  for (const [index, part] of path.entries()) {
    const expected = pattern[index]
    if (expected === undefined) return false
    if (expected === '**') return true
    if (expected !== '*' && expected !== part && !(expected === 'x-*' && part.startsWith('x-'))) return false
  }
  return true
}

/** The allowed name nearest to a mistyped one, if any is near (edit distance ≤ 2). */
export function nearest(name: string, allowed: readonly string[]): string | undefined {
  const ranked = allowed.map((candidate) => ({ candidate, distance: editDistance(name, candidate) })).sort((a, b) => a.distance - b.distance)
  return ranked[0] && ranked[0].distance <= 2 ? ranked[0].candidate : undefined
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}
