import pg from 'pg'
import type { Caller } from '../../../architecture.ts'
import type { Context } from '../../../context.ts'
import { connectionOf } from '../../../postgres/connect.ts'
import type { V4Knobs } from '../knobs.ts'
import addApiKeys from '../sql/add-api-keys.sql?raw'
import findTenants from '../sql/find-tenants.sql?raw'
import { makeKey } from './api-keys.ts'
import { createSigningKeys, readSigningKeys, type SigningKeys } from './signing-keys.ts'
import { signToken } from './tokens.ts'

/** Longer than any run. They end with the database that they were made for. */
const TOKEN_LASTS_S = 24 * 60 * 60

interface Tenant {
  workspace: number
  project: number
  user: number
}

/**
 * The tenants of setup as callers: by Zipf's law, the first sends too much where a scenario has one that does. Each with an API key and a token of
 * its own, made in the database itself by whom it belongs to: nobody has a password here, and no key or token is written anywhere.
 */
export async function tenantsAsCallers(context: Context<V4Knobs>): Promise<Caller[]> {
  return await asOwner(context, 'callers', async (client, signingKeys) => {
    const { rows: tenants } = await client.query<Tenant>(findTenants, [context.knobs.workspaces])
    if (tenants.length < context.knobs.workspaces) {
      throw new Error(`there are ${tenants.length} of ${context.knobs.workspaces} workspaces (workspace-1 …): has setup run with the same knob workspaces?`)
    }
    const keys = tenants.map((it) => makeKey(it.workspace))
    const column = <T>(of: (it: Tenant, at: number) => T): T[] => tenants.map(of)
    await client.query(addApiKeys, [column((it) => it.workspace), column((it) => it.project), 'made by the lab', keys.map((it) => it.prefix), keys.map((it) => it.sha256)])
    return await Promise.all(tenants.map(async ({ workspace, user }, at) => ({
      share: 1 / (at + 1),
      owner: String(workspace),
      headers: { 'X-API-Key': keys[at]!.text },
      readHeaders: bearer(await signToken(signingKeys, { audience: 'workspace', user, workspace, role: 'owner' }, TOKEN_LASTS_S)),
      ...(at === 0 && { noisy: true }),
    })))
  })
}

/** For who watches the sum of all workspaces. Nobody gets such a token over HTTP: only who can reach the database. */
export async function operatorHeaders(context: Context<V4Knobs>): Promise<Record<string, string>> {
  return await asOwner(context, 'operator', async (_client, signingKeys) => bearer(await signToken(signingKeys, { audience: 'operator' }, TOKEN_LASTS_S)))
}

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` }
}

async function asOwner<T>(context: Context<V4Knobs>, purpose: string, work: (client: pg.Client, signingKeys: SigningKeys) => Promise<T>): Promise<T> {
  const client = new pg.Client({ ...connectionOf(context), application_name: purpose, connectionTimeoutMillis: 5_000, query_timeout: 30_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client, createSigningKeys(() => readSigningKeys(client)))
  } finally {
    await client.end()
  }
}
