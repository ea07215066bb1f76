export * from '../run/errors.ts'
