/**
 * The shard of a workspace: of all shards the one that rates it highest (rendezvous hashing; Thaler and Ravishankar, 1998). A further shard
 * takes its part from each of the others and moves nothing between them. @param shards 1 and more; the result is less
 */
export function shardOf(workspace: number, shards: number): number {
  let best = 0
  let highest = -1
  for (let shard = 0; shard < shards; shard++) {
    const rated = mixed(workspace, shard)
    if (rated > highest) {
      highest = rated
      best = shard
    }
  }
  return best
}

/** Both numbers stirred into 32 bits: the finalizer of MurmurHash3, twice. https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp */
function mixed(workspace: number, shard: number): number {
  return finalized(finalized(workspace) ^ Math.imul(shard + 1, 0x9e37_79b9))
}

function finalized(value: number): number {
  let it = value | 0
  it = Math.imul(it ^ (it >>> 16), 0x85eb_ca6b)
  it = Math.imul(it ^ (it >>> 13), 0xc2b2_ae35)
  return (it ^ (it >>> 16)) >>> 0
}
