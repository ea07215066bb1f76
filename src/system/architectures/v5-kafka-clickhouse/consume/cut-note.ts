import { randomBytes } from 'node:crypto'

/**
 * What is about to be inserted, written down with the committed offset before it is: whoever has the partition next finds it there and inserts
 * exactly these records again, under the same token, so that they are in the store once however often they are sent.
 */
export interface CutNote {
  /** The offset after its last record; it begins at the committed one. */
  to: number
  token: string
}

export const newToken = (): string => randomBytes(12).toString('base64url')

export const writeNote = ({ to, token }: CutNote): string => JSON.stringify({ to, token })

/** Nothing was being inserted: `undefined`. Throws on what nobody here wrote. */
export function readNote(metadata: string): CutNote | undefined {
  if (metadata === '') return undefined
  let note: Partial<CutNote> | null = null
  try {
    note = JSON.parse(metadata) as Partial<CutNote> | null
  } catch {
    // Said below.
  }
  if (typeof note?.token !== 'string' || !Number.isSafeInteger(note.to)) {
    const expected = 'expected nothing or {"to": offset, "token": "…"}; somebody else commits in this group'
    throw new Error(`the committed offset has metadata ${JSON.stringify(metadata)}: ${expected}`)
  }
  return { to: note.to!, token: note.token }
}
