import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { EXIT, LabError } from '../../run/errors.ts'
import type { ComposeService } from '../compose.ts'
import { entryPath } from '../entry.ts'
import { plainEnvironment } from '../environment.ts'
import { clickhouseBinaries } from './clickhouse-binaries.ts'
import { configFiles, isPlainName } from './clickhouse-config.ts'
import { httpStatus } from './node.ts'
import { onlyPort, type Provider } from './provider.ts'

/**
 * ClickHouse with its HTTP interface. Honours CLICKHOUSE_USER, _PASSWORD, _DB and _DEFAULT_ACCESS_MANAGEMENT as the public image does;
 * port, address and folder are the lab's. It listens for HTTP and for nothing else.
 */
export const clickhouse: Provider = {
  async install(service, io) {
    loginOf(service)
    await clickhouseBinaries(io)
  },

  async prepare(service, context) {
    const { host, port } = onlyPort(service, context.addresses)
    const login = loginOf(service)
    const { library, caller } = await clickhouseBinaries(context)
    const dataFolder = join(context.folder, 'data')
    mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
    const accessManagement = service.environment.CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT === '1'
    const files = configFiles({ host, port, dataFolder, user: login.CLICKHOUSE_USER, password: login.CLICKHOUSE_PASSWORD, accessManagement })
    for (const [name, text] of Object.entries(files)) writeFileSync(join(context.folder, name), text, { mode: 0o600 })
    return {
      launch: {
        file: process.execPath,
        args: [entryPath('clickhouse'), library, caller, join(context.folder, 'config.xml')],
        env: plainEnvironment({ ...login, CLICKHOUSE_HOST: host, CLICKHOUSE_PORT: String(port) }),
        cwd: context.folder,
      },
      // It listens once its tables are loaded and the database is there.
      isReady: async (saw) => saw(/ready$/) && (await httpStatus(`http://${host}:${port}/ping`, 1_000)) === 200,
      versionIn: /(ClickHouse) (\d[\d.]*)/,
      metricsPortIn: /\bmetrics on port (\d+)/,
      stopSignal: 'SIGTERM',
      // On SIGTERM it would let statements end first.
      discardSignal: 'SIGKILL',
      dataFolder,
    }
  },
}

interface Login {
  CLICKHOUSE_USER: string
  CLICKHOUSE_PASSWORD: string
  CLICKHOUSE_DB: string
}

/** As the public image reads them. @throws naming what the local runtime cannot do */
export function loginOf({ name, environment, command }: Pick<ComposeService, 'name' | 'environment' | 'command'>): Login {
  if (command.length > 0) {
    throw new LabError(EXIT.usage, `service ${name}: the local runtime can only run the image's own command, not ${command.join(' ')}`, 'leave `command` out')
  }
  const { CLICKHOUSE_USER = 'default', CLICKHOUSE_PASSWORD = '', CLICKHOUSE_DB = '' } = environment
  if (CLICKHOUSE_USER === 'default' || !isPlainName(CLICKHOUSE_USER)) {
    throw new LabError(EXIT.usage, `service ${name}: CLICKHOUSE_USER is ${JSON.stringify(CLICKHOUSE_USER)}; the local runtime needs a user of letters, digits and underscores that is not "default"`, 'CLICKHOUSE_USER: lab')
  }
  if (CLICKHOUSE_DB !== '' && !isPlainName(CLICKHOUSE_DB)) {
    throw new LabError(EXIT.usage, `service ${name}: CLICKHOUSE_DB is ${JSON.stringify(CLICKHOUSE_DB)}; expected a name of letters, digits and underscores`, 'CLICKHOUSE_DB: lab')
  }
  return { CLICKHOUSE_USER, CLICKHOUSE_PASSWORD, CLICKHOUSE_DB }
}
