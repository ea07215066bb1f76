/** As the public image starts: CLICKHOUSE_USER, _PASSWORD, _DB and _DEFAULT_ACCESS_MANAGEMENT, HTTP on 8123 of all addresses, data in /var/lib/clickhouse. */
import { writeFileSync } from 'node:fs'
import { configFiles } from '../../../src/runtime/local/clickhouse-config.ts'

const FOLDER = '/etc/clickhouse-server'
const PORT = 8123
const { CLICKHOUSE_USER: user = '', CLICKHOUSE_PASSWORD: password = '', CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT } = process.env
if (user === '' || user === 'default') throw new Error('this stand-in needs CLICKHOUSE_USER, and not "default"')
const files = configFiles({ host: '0.0.0.0', port: PORT, dataFolder: '/var/lib/clickhouse', user, password, accessManagement: CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT === '1' })
for (const [name, text] of Object.entries(files)) writeFileSync(`${FOLDER}/${name}`, text, { mode: 0o600 })
Object.assign(process.env, { CLICKHOUSE_HOST: '127.0.0.1', CLICKHOUSE_PORT: String(PORT) })
process.argv.splice(2, 3, '/opt/clickhouse/libchdb.so', '/opt/clickhouse/ffi.node', `${FOLDER}/config.xml`)
await import('../../../src/runtime/local/clickhouse-server.ts')
