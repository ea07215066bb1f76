export * from '../run/events.ts'
