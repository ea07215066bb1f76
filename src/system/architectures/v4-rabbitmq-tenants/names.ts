/** Where things are: queues, keys and channels of v4. */

/** The queue of a shard, from 0. */
export const shardQueue = (shard: number): string => `orders.${shard}`
/** Events that can never be stored, each with the reason in its headers. */
export const DEAD_QUEUE = 'orders.dead'
/** Nothing is ever sent to it: its consumers are the workers, to be counted. */
export const WORKERS_QUEUE = 'orders.workers'

/** What an idempotency key of a workspace stands for. */
export const idempotencyKey = (workspace: number, key: string): string => `idempotency:${workspace}:${key}`
/** A dashboard as a hash { version, json }; workspace 0 is the sum of all. */
export const dashboardKey = (workspace: number): string => `dashboard:${workspace}`
/** On which a new version of any dashboard is told: the workspace's number. */
export const CHANGES = 'dashboards'
/** An answer to analytics, by workspace and hash of the question. */
export const answerKey = (workspace: number, hash: string): string => `analytics:${workspace}:${hash}`

/** Who sees the sum of all workspaces. */
export const EVERYBODY = 0
/** The account of RabbitMQ; the compose file says the same. */
export const BROKER_ACCOUNT = { username: 'lab', password: 'lab' }
/** Who of the workers projects what none of them was told of. */
export const PROJECTOR_LEASE = 'dashboards:projector'
