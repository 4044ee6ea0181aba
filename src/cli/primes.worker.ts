/** Work for a worker thread: registered by sample-functions.ts. */

/** How many primes there are below a limit (sieve of Eratosthenes). */
export function countPrimes(below: number): number {
  const composite = new Uint8Array(Math.max(0, below))
  let count = 0
  for (let n = 2; n < below; n++) {
    if (composite[n] === 1) continue
    count++
    for (let multiple = n * n; multiple < below; multiple += n) composite[multiple] = 1
  }
  return count
}
