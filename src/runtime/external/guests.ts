import { clickhouse } from './clickhouse.ts'
import type { Kind } from './external.ts'
import type { Guest } from './guest.ts'
import { kafka } from './kafka.ts'
import { postgres } from './postgres.ts'
import { rabbitmq } from './rabbitmq.ts'
import { redis } from './redis.ts'

export const guests = { clickhouse, kafka, postgres, rabbitmq, redis } satisfies Record<Kind, Guest> as Record<Kind, Guest>
