import { contract } from './contract.ts'

await contract('null', [])
await contract('v2', ['redis', 'postgres'])
