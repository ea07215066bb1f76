import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { cached, cacheDir } from '../cache.ts'
import { packageRoot } from '../entry.ts'
import { plainEnvironment } from '../environment.ts'
import { MissingPrerequisite } from '../errors.ts'
import { canFetchPackages, unpackPackages } from './debian-packages.ts'
import { httpStatus } from './node.ts'
import { onPath } from './program.ts'
import { onlyPort, type Installing, type Provider } from './provider.ts'
import { parseOsRelease } from './rabbitmq-binaries.ts'

/** The server and the tool that checks its files. */
export interface PrometheusBinaries {
  prometheus: string
  promtool: string
}

const CONFIG = join(packageRoot, 'compose', 'observability')
const FIX = 'install Prometheus 2.28 or newer (Debian 12: apt install prometheus), or --runtime docker'

/** Prometheus with the rules of the compose files. It finds the processes by asking the collector, as they share this machine's name. */
export const prometheus: Provider = {
  async install(_service, io) {
    await prometheusBinaries(io)
  },

  async prepare(service, context) {
    const { host, port } = onlyPort(service, context.addresses)
    const binaries = await prometheusBinaries(context)
    const dataFolder = join(context.folder, 'data')
    mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
    const config = join(context.folder, 'prometheus.yaml')
    writeFileSync(config, localConfig(readFileSync(join(CONFIG, 'prometheus.yaml'), 'utf8'), `${context.addresses.OTLP_HOST}:${context.addresses.OTLP_PORT}`, join(CONFIG, 'alerts.yaml')))
    return {
      launch: {
        file: binaries.prometheus,
        args: [`--config.file=${config}`, `--storage.tsdb.path=${dataFolder}`, `--web.listen-address=${host}:${port}`, '--web.enable-remote-write-receiver'],
        env: plainEnvironment({}),
        cwd: context.folder,
      },
      isReady: async () => (await httpStatus(`http://${host}:${port}/-/ready`, 1_000)) === 200,
      versionIn: /msg="Starting (Prometheus)[^\n]*version=([\d.]+)/,
      stopSignal: 'SIGTERM',
      discardSignal: 'SIGKILL',
      dataFolder,
    }
  },
}

/** The configuration for containers, made fit for one machine: names of services become questions to the collector at `otlp`. Pure. */
export function localConfig(text: string, otlp: string, rules: string): string {
  const config = parse(text) as { rule_files: string[]; scrape_configs: Record<string, unknown>[] }
  const scrapes = config.scrape_configs.map(({ dns_sd_configs: byName, static_configs: fixed, relabel_configs: relabel, ...rest }) => {
    if (byName !== undefined) return { ...rest, http_sd_configs: [{ url: `http://${otlp}/targets`, refresh_interval: '5s' }] }
    return { ...rest, ...(fixed !== undefined && { static_configs: [{ targets: [otlp], labels: { service: 'collector' } }] }), ...(relabel !== undefined && { relabel_configs: relabel }) }
  })
  return stringify({ ...config, rule_files: [rules], scrape_configs: scrapes })
}

/** Those on the PATH, else of the distribution's package, fetched once into the cache and not installed. */
export async function prometheusBinaries(io: Installing): Promise<PrometheusBinaries> {
  const [server, tool] = [onPath('prometheus'), onPath('promtool')]
  if (server !== undefined && tool !== undefined) return { prometheus: server, promtool: tool }
  const release = parseOsRelease(existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '')
  const folder = await cached(cacheDir(), `prometheus-${release}-${process.arch}`, io, async (temporary) => {
    if (!canFetchPackages()) throw new MissingPrerequisite('there is no Prometheus on the PATH, and no apt to fetch one', FIX)
    // Nothing that it depends on but the C library: the rest is for its web page.
    await unpackPackages('prometheus', /^prometheus$/, temporary, 'Prometheus (Debian package)', io).catch((error: Error) => {
      io.signal.throwIfAborted()
      throw new MissingPrerequisite(`apt could not fetch prometheus: ${error.message}`, FIX)
    })
    for (const unused of ['etc', 'var', 'lib', 'usr/share/doc', 'usr/share/man']) rmSync(join(temporary, unused), { recursive: true, force: true })
  })
  return { prometheus: join(folder, 'usr', 'bin', 'prometheus'), promtool: join(folder, 'usr', 'bin', 'promtool') }
}
