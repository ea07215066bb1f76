import { contract } from './contract.ts'

await contract('v0', ['redis'])
