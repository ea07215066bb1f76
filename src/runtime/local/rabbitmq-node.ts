import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { plainEnvironment } from '../environment.ts'
import { onPath } from './program.ts'
import type { Launch } from './provider.ts'
import type { RabbitmqBinaries } from './rabbitmq-binaries.ts'

/** One RabbitMQ in a folder of its own, for which it opens one port and nothing else. */
export interface RabbitmqNode {
  /** Everything it reads and writes is in it. */
  folder: string
  host: string
  port: number
  login: RabbitmqLogin
  /** Of the service. */
  environment: Readonly<Record<string, string>>
}

export interface RabbitmqLogin {
  user: string
  password: string
  vhost: string
}

/** Its files carry its name, so it never changes: not from one start to the next, and not with the name of the machine. */
const NODE_NAME = 'lab@localhost'
/** What a container of 2.5 GiB would give it: above this it takes nothing from publishers. */
const MEMORY_LIMIT_BYTES = 2 ** 30
/** Below this it takes nothing from publishers, rather than fill the disk. */
const FREE_DISK_BYTES = 2 ** 28

/** As RabbitMQ's own start script gives them: allocators, limits, no spinning while there is nothing to do. */
const EMULATOR = [
  ...'+W w +MBas ageffcbf +MHas ageffcbf +MBlmbcs 512 +MHlmbcs 512 +MMmcs 30'.split(' '),
  ...'+P 1048576 +t 5000000 +stbt db +zdbbl 128000 +sbwt none +sbwtdcpu none +sbwtdio none'.split(' '),
]

/**
 * A node name is needed for the names of files, distribution between nodes is not: nothing listens, and no epmd is started,
 * looked for or registered with. (With a port given for it, Erlang takes every node's to be that; nobody ever connects.)
 */
const DISTRIBUTION = ['-sname', NODE_NAME, '-dist_listen', 'false', '-start_epmd', 'false', '-erl_epmd_port', '1', '-epmd_port', '1']

/** Makes its folder: links to its programs and code, its settings, room for its data. */
export function layOut(binaries: RabbitmqBinaries, node: RabbitmqNode): void {
  const { folder } = node
  mkdirSync(folder, { mode: 0o700 })
  for (const name of ['code', 'data', 'home', 'log']) mkdirSync(join(folder, name), { mode: 0o700 })
  const erts = programsOf(binaries, folder)
  mkdirSync(erts, { recursive: true, mode: 0o700 })
  for (const name of ['bin', 'lib', 'releases']) symlinkSync(join(binaries.erlang, name), join(folder, 'erlang', name))
  for (const name of ['erlexec', 'beam.smp', 'erl_child_setup', 'inet_gethost']) symlinkSync(join(binaries.erts, name), join(erts, name))
  // Once a minute RabbitMQ starts another virtual machine by this name, only so that it brings epmd up: half a second of a core, and
  // a port mapper for everybody, on every address.
  symlinkSync(onPath('true') ?? '/bin/true', join(erts, 'erl'))
  const plugins = join(binaries.home, 'plugins')
  for (const name of codeOf(plugins)) symlinkSync(join(plugins, name), join(folder, 'code', name))
  writeFileSync(join(folder, 'enabled_plugins'), '[].\n')
  writeFileSync(join(folder, 'rabbitmq.config'), settings(node), { mode: 0o600 })
}

/** Its own view of the programs of the virtual machine. */
function programsOf({ erts }: RabbitmqBinaries, folder: string): string {
  return join(folder, 'erlang', basename(dirname(erts)), 'bin')
}

/** How it is started: the virtual machine itself, without the scripts around it, so that its signals are the lab's. */
export function launchOf(binaries: RabbitmqBinaries, node: RabbitmqNode): Launch {
  const { folder, host, port, environment } = node
  const at = (name: string): string => join(folder, name)
  const extra = (environment.RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS ?? '').split(/\s+/).filter((word) => word !== '')
  const rabbit = ['-syslog', 'logger', '[]', '-syslog', 'syslog_error_logger', 'false', '-kernel', 'prevent_overlapping_partitions', 'false', '-enable-feature', 'maybe_expr']
  return {
    file: join(programsOf(binaries, folder), 'erlexec'),
    args: ['-noinput', '-boot', 'start_sasl', ...EMULATOR, ...DISTRIBUTION, ...rabbit, ...extra, '-s', 'rabbit', 'boot'],
    env: {
      ...plainEnvironment(environment),
      // Erlang reads its own.
      ROOTDIR: at('erlang'),
      BINDIR: programsOf(binaries, folder),
      EMU: 'beam',
      PROGNAME: 'erl',
      ERL_LIBS: at('code'),
      ERL_CRASH_DUMP_SECONDS: '0',
      HOME: at('home'),
      LC_ALL: 'C.UTF-8',
      ...(binaries.libraries && { LD_LIBRARY_PATH: binaries.libraries }),
      RABBITMQ_HOME: binaries.home,
      RABBITMQ_PLUGINS_DIR: at('code'),
      RABBITMQ_PLUGINS_EXPAND_DIR: at('expanded'),
      RABBITMQ_ENABLED_PLUGINS_FILE: at('enabled_plugins'),
      RABBITMQ_NODENAME: NODE_NAME,
      RABBITMQ_NODE_IP_ADDRESS: host,
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_BASE: folder,
      RABBITMQ_MNESIA_BASE: at('data'),
      RABBITMQ_FEATURE_FLAGS_FILE: at('data/feature_flags'),
      RABBITMQ_CONFIG_FILE: at('rabbitmq.config'),
      // Not there: those of an installed RABBITMQ are its own.
      RABBITMQ_ADVANCED_CONFIG_FILE: at('advanced.config'),
      RABBITMQ_CONFIG_FILES: at('more/*.conf'),
      RABBITMQ_CONF_ENV_FILE: at('rabbitmq-env.conf'),
      RABBITMQ_PID_FILE: at('pid'),
      RABBITMQ_LOG_BASE: at('log'),
      // To stdout alone.
      RABBITMQ_LOGS: '-',
      RABBITMQ_LOG: 'warning',
    },
    cwd: folder,
  }
}

/** In Erlang's own terms, in which any text can be given as its bytes. */
export function settings({ login }: Pick<RabbitmqNode, 'login'>): string {
  const rabbit = {
    default_user: binary(login.user),
    default_pass: binary(login.password),
    default_vhost: binary(login.vhost),
    loopback_users: '[]',
    vm_memory_high_watermark: `{absolute, ${MEMORY_LIMIT_BYTES}}`,
    disk_free_limit: String(FREE_DISK_BYTES),
  }
  return `[{rabbit, [${Object.entries(rabbit).map(([key, value]) => `{${key}, ${value}}`).join(', ')}]}].\n`
}

/** `<<108,97,98>>`: nothing in it can mean anything. */
function binary(text: string): string {
  return `<<${[...Buffer.from(text)].join(',')}>>`
}

/**
 * Names of the applications that RabbitMQ itself is made of, without its plugins: every module is looked for in the folders of all
 * applications one after the other, which takes a start 1 s longer (3.8 s against 2.8 s) with all of them.
 */
function codeOf(plugins: string): string[] {
  const names = readdirSync(plugins).filter((name) => /^[a-z][a-z0-9_]*-\d/.test(name))
  const byApplication = new Map(names.map((name) => [name.slice(0, name.indexOf('-')), name]))
  const needed = new Set<string>()
  const queue = ['rabbit']
  for (let application = queue.pop(); application !== undefined; application = queue.pop()) {
    const name = byApplication.get(application)
    if (name === undefined || needed.has(name)) continue
    needed.add(name)
    // An archive cannot be looked into from here.
    if (name.endsWith('.ez')) return names
    queue.push(...applicationsIn(readFileSync(join(plugins, name, 'ebin', `${application}.app`), 'utf8')))
  }
  return [...needed]
}

/** What an application needs, by its .app file. */
export function applicationsIn(app: string): string[] {
  const lists = [...app.matchAll(/\{\s*(?:included_|optional_)?applications\s*,\s*\[([^\]]*)\]/g)].map((match) => match[1]!)
  return lists.flatMap((list) => list.split(/[\s,]+/)).filter((name) => name !== '')
}
