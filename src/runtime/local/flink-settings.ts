import { LabError, EXIT } from '../../run/errors.ts'
import type { ComposeService } from '../compose.ts'

/** What a process of Flink is to be, from its service of the compose file: pure. */

export const FLINK_ROLES = ['jobmanager', 'taskmanager', 'sql-gateway'] as const
export type FlinkRole = (typeof FLINK_ROLES)[number]

export interface FlinkCommand {
  role: FlinkRole
  /** `-Dkey=value` of the SQL gateway. */
  args: string[]
}

/** Settings by key, as their YAML text. */
export type FlinkSettings = ReadonlyMap<string, string>

type Named = Pick<ComposeService, 'name'>

/** As the public image takes them: `jobmanager`, `taskmanager`, and the gateway by its script, `bin/sql-gateway.sh start-foreground`. */
export function commandOf({ name, command }: Pick<ComposeService, 'name' | 'command'>): FlinkCommand {
  const [first = '', ...rest] = command
  if ((first === 'jobmanager' || first === 'taskmanager') && rest.length === 0) return { role: first, args: [] }
  if (/^(.*\/)?sql-gateway\.sh$/.test(first) && rest[0] === 'start-foreground' && rest.slice(1).every((word) => word.startsWith('-D'))) {
    return { role: 'sql-gateway', args: rest.slice(1) }
  }
  const allowed = 'jobmanager; taskmanager; bin/sql-gateway.sh start-foreground -Dkey=value …'
  throw new LabError(EXIT.usage, `service ${name}: the local runtime cannot run ${command.length === 0 ? 'a Flink without a command' : command.join(' ')}`, `command: one of ${allowed}; settings go into environment: FLINK_PROPERTIES`)
}

/**
 * FLINK_PROPERTIES: lines `key: value`; a key that comes again wins. As the image's script reads them, which takes every space out of a line and
 * knows no comments: what it would spoil is refused here as well.
 */
export function parseProperties({ name, environment }: Pick<ComposeService, 'name' | 'environment'>): Map<string, string> {
  const settings = new Map<string, string>()
  for (const line of (environment.FLINK_PROPERTIES ?? '').split('\n')) {
    if (line.trim() === '') continue
    const [, key, value] = /^\s*([\w.-]+):\s*(\S+)\s*$/.exec(line) ?? []
    if (key === undefined || value === undefined) {
      throw new LabError(EXIT.usage, `service ${name}: FLINK_PROPERTIES has the line ${JSON.stringify(line.trim())}`, 'every line must be `key: value` without spaces in the value; there are no comments; options of Java go into JVM_ARGS')
    }
    settings.set(key, value)
  }
  return settings
}

/** What the image's scripts would work out, and what keeps a process to its folder and to loopback. */
export function localSettings(role: FlinkRole, settings: FlinkSettings, { name }: Named, folder: string): Map<string, string> {
  const host = '127.0.0.1'
  const own = new Map([...settings, ['io.tmp.dirs', `${folder}/tmp`]])
  if (role === 'jobmanager') for (const key of ['jobmanager.bind-host', 'rest.bind-address']) own.set(key, host)
  if (role === 'taskmanager') {
    for (const key of ['taskmanager.bind-host', 'taskmanager.host']) own.set(key, host)
    own.set('taskmanager.cpu.cores', settings.get('taskmanager.numberOfTaskSlots') ?? '1')
    // It wants to add its parts up, and refuses to start where one of them is a range.
    own.set('taskmanager.memory.network.min', needed('taskmanager.memory.network.max', settings, name))
    own.set('taskmanager.memory.jvm-metaspace.size', settings.get('taskmanager.memory.jvm-metaspace.size') ?? '256m')
    for (const key of ['taskmanager.memory.jvm-overhead.min', 'taskmanager.memory.jvm-overhead.max']) own.set(key, settings.get('taskmanager.memory.jvm-overhead.max') ?? '192m')
  }
  if (role === 'sql-gateway') {
    own.set('sql-gateway.endpoint.rest.bind-address', host)
    own.set('sql-gateway.endpoint.rest.bind-port', needed('sql-gateway.endpoint.rest.port', settings, name))
  }
  return own
}

/** Where it says what it is, for whoever asks whether it is there. */
export function endpointOf(role: FlinkRole, settings: FlinkSettings, { name }: Named): string | undefined {
  if (role === 'taskmanager') return undefined
  const [address, port, path] = role === 'jobmanager' ? ['rest.address', 'rest.port', '/overview'] : ['sql-gateway.endpoint.rest.address', 'sql-gateway.endpoint.rest.port', '/v1/info']
  return `http://${needed(address, settings, name)}:${needed(port, settings, name)}${path}`
}

export function settingsText(settings: FlinkSettings): string {
  return [...settings].map(([key, value]) => `${key}: ${value}\n`).join('')
}

/** Options of the virtual machine: JVM_ARGS, and its memory as the image's scripts would set it. */
export function machineOptions(role: FlinkRole, settings: FlinkSettings, { name, environment }: Pick<ComposeService, 'name' | 'environment'>): string[] {
  const bytes = (key: string, otherwise?: string): number => sizeBytes(key, otherwise === undefined ? needed(key, settings, name) : (settings.get(key) ?? otherwise), name)
  const options = (environment.JVM_ARGS ?? '').split(/\s+/).filter((word) => word !== '')
  if (role === 'jobmanager') {
    const direct = bytes('jobmanager.memory.off-heap.size', '128m')
    return [...options, `-Xmx${bytes('jobmanager.memory.heap.size')}`, `-XX:MaxDirectMemorySize=${direct}`, `-XX:MaxMetaspaceSize=${bytes('jobmanager.memory.jvm-metaspace.size', '256m')}`]
  }
  if (role === 'sql-gateway') return options
  const heap = bytes('taskmanager.memory.framework.heap.size', '128m') + bytes('taskmanager.memory.task.heap.size')
  const direct = bytes('taskmanager.memory.framework.off-heap.size', '128m') + bytes('taskmanager.memory.task.off-heap.size', '0m') + bytes('taskmanager.memory.network.max')
  return [...options, `-Xmx${heap}`, `-XX:MaxDirectMemorySize=${direct}`, `-XX:MaxMetaspaceSize=${bytes('taskmanager.memory.jvm-metaspace.size', '256m')}`]
}

function needed(key: string, settings: FlinkSettings, service: string): string {
  const value = settings.get(key)
  if (value === undefined) throw new LabError(EXIT.usage, `service ${service}: FLINK_PROPERTIES lacks ${key}`, `add the line \`${key}: …\``)
  return value
}

const UNIT_BYTES: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }

function sizeBytes(key: string, text: string, service: string): number {
  const [, number, unit] = /^(\d+) ?([kmg])b?$/i.exec(text) ?? []
  if (number === undefined || unit === undefined) throw new LabError(EXIT.usage, `service ${service}: FLINK_PROPERTIES has ${key}: ${text}`, 'a size is written like 64m or 1g')
  return Number(number) * UNIT_BYTES[unit.toLowerCase()]!
}
