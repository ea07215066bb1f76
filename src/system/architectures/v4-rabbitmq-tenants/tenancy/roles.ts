/** What a member of a workspace may be; each may all that those after it may. */
export const ROLES = ['owner', 'member', 'viewer'] as const

export type Role = (typeof ROLES)[number]

export function isRole(value: unknown): value is Role {
  return ROLES.includes(value as Role)
}

/** Who may change members; projects and keys, and send events; or look. */
export const MAY = {
  own: ['owner'],
  write: ['owner', 'member'],
  read: ROLES,
} as const satisfies Record<string, readonly Role[]>
