import type { Context } from '../../context.ts'
import { createOrderFile, orderFile } from './file.ts'

export async function createFile(context: Context): Promise<void> {
  createOrderFile(orderFile(context.dataFolder()))
}
