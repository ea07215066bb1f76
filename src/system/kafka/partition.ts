/**
 * The partition of an event, the same wherever it is asked, so that copies of one id always meet. All of the id goes into it
 * (FNV-1a over its characters, then mixed as MurmurHash3 ends: https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp):
 * ids in sequence, random ones and those that end alike spread evenly.
 */
export function partitionOfId(id: string, partitions: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) >>> 0) % partitions
}
