/**
 * Checks the import rules of .dependency-cruiser.cjs: `node scripts/import-rules.ts`.
 *
 * It calls dependency-cruiser as a library, because the command line can not tell "nothing is wrong" from "nothing was read".
 */
import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Statement, VariableDeclarator } from '@swc/core'
import { Visitor } from '@swc/core/Visitor.js'
import { cruise, type ICruiseResult, type IViolation } from 'dependency-cruiser'
import { root } from './bootstrap.mjs'

// dependency-cruiser walks the sources with swc's visitor, which stops at `using` declarations: "Unknown statement type".
const visitStatement = Visitor.prototype.visitStatement
Visitor.prototype.visitStatement = function (statement: Statement | UsingDeclaration): Statement {
  if (statement.type !== 'UsingDeclaration') return visitStatement.call(this, statement)
  this.visitVariableDeclarators(statement.decls)
  return statement as unknown as Statement
}

/** As swc parses it; its published types lack it too. */
interface UsingDeclaration {
  readonly type: 'UsingDeclaration'
  readonly decls: VariableDeclarator[]
}

export interface ImportReport {
  /** Modules of this project that were read. */
  readonly modules: number
  /** TypeScript files below src/. `modules` can not be much smaller, or the sources were not understood. */
  readonly sources: number
  /** One sentence for each import that breaks a rule. */
  readonly violations: readonly string[]
}

/** @param base the folder that holds src/ and the other places; the rules are always those of this repository */
export async function checkImports(base: string): Promise<ImportReport> {
  const { forbidden, options } = createRequire(import.meta.url)(path.join(root, '.dependency-cruiser.cjs'))
  const places = ['src', 'test', 'bench', 'scripts', 'debug'].filter((place) => existsSync(path.join(base, place)))
  const { output } = await cruise(
    places,
    { ...options, baseDir: base, validate: true, ruleSet: { forbidden } },
    { ...options.enhancedResolveOptions },
  )
  if (typeof output === 'string') throw new Error(`dependency-cruiser answered with text: ${output}`)
  return {
    modules: output.modules.filter((module) => !module.source.includes('node_modules') && !module.coreModule).length,
    sources: readdirSync(path.join(base, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts')).length,
    violations: describeViolations(output),
  }
}

function describeViolations({ summary }: ICruiseResult): string[] {
  const why = new Map(summary.ruleSetUsed?.forbidden?.map((rule) => [rule.name, rule.comment ?? '']))
  return summary.violations.map((violation) => {
    const { name } = violation.rule
    return `${name}: ${route(violation)}\n    ${why.get(name) ?? ''}`
  })
}

function route({ from, to, cycle, via }: IViolation): string {
  const between = cycle ?? via
  return [from, ...(between ? between.map((step) => step.name) : [to])].join(' → ')
}

async function main(): Promise<void> {
  const { modules, sources, violations } = await checkImports(root)
  for (const violation of violations) console.log(violation)
  const blind = modules < sources
  if (blind) console.log(`Only ${modules} modules were read, though src/ alone has ${sources}. Is @swc/core installed?`)
  console.log(`${modules} modules, ${violations.length} broken rules`)
  if (blind || violations.length > 0) process.exitCode = 1
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main()
