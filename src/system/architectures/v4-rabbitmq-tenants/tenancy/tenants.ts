import type pg from 'pg'
import makeTenantsSql from '../sql/make-tenants.sql?raw'
import { newSigningKey } from './signing-keys.ts'

/** Makes workspace-1 … workspace-<count>, each with a project `orders`, and a key to sign tokens with, as far as they are missing. As the owner. */
export async function makeTenants(client: pg.ClientBase, count: number): Promise<void> {
  await client.query(makeTenantsSql, [count])
  const { rows } = await client.query('SELECT FROM signing_keys LIMIT 1')
  if (rows.length === 0) await addSigningKey(client)
}

/** Rotation: from now on tokens are signed with a new key; those of the older ones hold until they expire, or until their key is deleted. */
export async function addSigningKey(client: pg.ClientBase): Promise<string> {
  const { kid, secret } = newSigningKey()
  await client.query('INSERT INTO signing_keys (kid, secret, created_at) VALUES ($1, $2, clock_timestamp())', [kid, secret])
  return kid
}
