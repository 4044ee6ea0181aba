/** The doctor as an operator consults it: `mpreg doctor` in a process of its own, judged by what it prints. */
import { mpreg } from '../cli/run-mpreg.ts'

/** A finding as it stands on the screen. */
export interface PrintedFinding {
  readonly severity: string
  readonly summary: string
  readonly code: string
  readonly node: string
  readonly subject: string
  readonly evidence: readonly string[]
  readonly remedy: string
  readonly command: string
}

export interface Consultation {
  readonly code: number | null
  readonly stdout: string
  readonly findings: readonly PrintedFinding[]
}

/** Consults until the answer is accepted; of one that never is, the last is thrown. */
export async function consultUntil(
  monitoringUrl: string,
  accepts: (answer: Consultation) => boolean,
  limitMs: number,
): Promise<Consultation> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const answer = await consult(monitoringUrl)
    if (accepts(answer)) return answer
    if (performance.now() > deadline) throw new Error(`the doctor still says after ${limitMs / 1000} s:\n${answer.stdout}`)
  }
}

export const isHealthy = ({ code, stdout }: Consultation): boolean => code === 0 && stdout === 'healthy\n'

async function consult(monitoringUrl: string, words: readonly string[] = []): Promise<Consultation> {
  const { code, stderr, stdout } = await mpreg(['doctor', '--url', monitoringUrl, ...words])
  if (!stderr.startsWith('Nodes examined: ')) throw new Error(`the doctor said: ${stderr}${stdout}`)
  const texts = stdout.trimEnd().split('\n\n')
  return { code, stdout, findings: texts.filter((text) => text !== 'healthy').map(readFinding) }
}

function readFinding(text: string): PrintedFinding {
  const lines = text.split('\n')
  const [, severity, summary] = /^(critical|warning|info): (.+)$/.exec(lines[0] ?? '') ?? []
  const [, code, node, subject] = /^ {2}(\w+) at (\S+?)(?:, about (.+))?$/.exec(lines[1] ?? '') ?? []
  const remedy = lines.find((line) => line.startsWith('  what to do: '))
  const command = lines.find((line) => line.startsWith('  $ '))
  if (severity === undefined || summary === undefined || code === undefined || node === undefined || remedy === undefined) {
    throw new Error(`no finding: ${text}`)
  }
  return {
    severity,
    summary,
    code,
    node,
    subject: subject ?? node,
    evidence: lines.filter((line) => line.startsWith('  - ')).map((line) => line.slice('  - '.length)),
    remedy: remedy.slice('  what to do: '.length),
    command: command?.slice('  $ '.length) ?? '',
  }
}
