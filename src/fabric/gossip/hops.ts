/**
 * How far an update may travel: far enough for the fabric, which is guessed from the number of peers, and no further.
 * @param base hops of a small fabric
 */
export function adaptiveMaxHops(base: number, connectedPeers: number): number {
  if (connectedPeers <= 0) return base
  return Math.max(base, Math.min(HOPS_CAP, Math.ceil(Math.log2(connectedPeers + 1)) + 2))
}

const HOPS_CAP = 12
