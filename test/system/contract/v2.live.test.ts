import { contract } from './contract.ts'

await contract('v2', ['redis', 'postgres'])
