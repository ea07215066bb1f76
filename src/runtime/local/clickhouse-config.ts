/** What ClickHouse is started with. */
export interface ClickhouseSettings {
  host: string
  port: number
  /** Everything it keeps. */
  dataFolder: string
  user: string
  password: string
  /** May this user make and change users? */
  accessManagement: boolean
}

/**
 * Its two configuration files. Of `default`, without a password, the engine itself makes use when it starts: it may do what is needed then,
 * and nothing else.
 */
export function configFiles({ host, port, dataFolder, user, password, accessManagement }: ClickhouseSettings): { 'config.xml': string; 'users.xml': string } {
  return {
    'config.xml': `<clickhouse>
  <listen_host>${xml(host)}</listen_host>
  <http_port>${port}</http_port>
  <path>${xml(`${dataFolder}/`)}</path>
  <users_config>users.xml</users_config>
  <keep_alive_timeout>30</keep_alive_timeout>
</clickhouse>
`,
    'users.xml': `<clickhouse>
  <profiles><default/></profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <no_password/>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <grants>
        <query>GRANT CREATE DATABASE ON *.*</query>
        <query>GRANT SYSTEM LISTEN ON *.*</query>
        <query>GRANT SELECT ON system.numbers</query>
      </grants>
    </default>
    <${user}>
      <password>${xml(password)}</password>
      <networks><ip>::/0</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <access_management>${accessManagement ? 1 : 0}</access_management>
    </${user}>
  </users>
</clickhouse>
`,
  }
}

/** A user's name is the name of an element, and a database's goes into a statement: letters, digits and underscores. */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z_]\w{0,63}$/.test(name)
}

function xml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
