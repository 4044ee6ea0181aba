/**
 * A vitest reporter that writes the totals of a run, as JSON, to the file named by MPREG_TEST_TOTALS. vitest's printed summary is
 * for people, and free to change.
 */
import { writeFileSync } from 'node:fs'
import type { Reporter, TestModule } from 'vitest/node'

export interface Totals {
  passed: number
  failed: number
}

export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const totals: Totals = { passed: 0, failed: errors.length }
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === 'passed') totals.passed++
        if (state === 'failed') totals.failed++
      }
      // A file that does not load, or a hook that throws, has no failing test to show for it.
      totals.failed += module.errors().length
      for (const suite of module.children.allSuites()) totals.failed += suite.errors().length
    }
    const file = process.env.MPREG_TEST_TOTALS
    if (file) writeFileSync(file, JSON.stringify(totals))
  }
}
