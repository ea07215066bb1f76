import { ACCOUNT, type Account } from '../../../postgres/connect.ts'

/** Of the API: sees one workspace at a time. */
export const API_ACCOUNT: Account = { ...ACCOUNT, user: 'lab_api' }
/** Of workers and jobs, and of what shows the sum of all workspaces. */
export const WORK_ACCOUNT: Account = { ...ACCOUNT, user: 'lab_work' }
