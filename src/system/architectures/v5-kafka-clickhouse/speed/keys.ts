/** Of one partition: the list of its buckets, and the hash beside it. */
export const bucketsKey = (partition: number): string => `speed:${partition}`
export const chainKey = (partition: number): string => `speed:${partition}:chain`
