import type { ZodRawShape } from 'zod'
import type { Architecture } from './architecture.ts'

/** Checks an architecture against its own knobs and forgets their exact type, so that all of them fit one registry. */
export function defineArchitecture<Shape extends ZodRawShape>(architecture: Architecture<Shape>): Architecture {
  return architecture as unknown as Architecture
}
