/**
 * `mpreg completion`: scripts that complete commands, options and their choices in a shell. They are generated from the declared commands,
 * so they know what this version of the program knows and can not fall behind.
 */
import { type Command, Option } from 'commander'
import { UsageError } from './outcome.ts'

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

export function declareCompletion(command: Command, declareAll: () => Promise<Command>): void {
  command.argument('<shell>', `which: ${shells.join(', ')}`).action(async (shell: string) => {
    if (!isShell(shell)) throw new UsageError(`There is no completion for '${shell}'; there is for ${shells.join(', ')}.`)
    process.stdout.write(completionScript(shell, await declareAll()))
  })
}

function isShell(word: string): word is Shell {
  return (shells as readonly string[]).includes(word)
}

export function completionScript(shell: Shell, program: Command): string {
  const nodes = completionNodes(program)
  const name = program.name()
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](name, nodes)
}

/** What may follow after the words of a command. */
interface CompletionNode {
  /** Names from the program's own on, joined by blanks; the program itself is the empty text. */
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly summary: string }[]
  readonly options: readonly CompletionOption[]
}

interface CompletionOption {
  readonly flags: readonly string[]
  readonly summary: string
  readonly takesValue: boolean
  readonly choices: readonly string[]
}

function completionNodes(command: Command, path = ''): CompletionNode[] {
  const options = [...command.options, new Option('--help', 'show this help')].filter(({ hidden }) => !hidden)
  const node: CompletionNode = {
    path,
    commands: command.commands.map((child) => ({ name: child.name(), summary: oneLine(child.description()) })),
    options: options.map((option) => ({
      flags: [option.short, option.long].filter((flag) => flag !== undefined && flag !== null),
      summary: oneLine(option.description),
      takesValue: option.required || option.optional,
      choices: option.argChoices ?? [],
    })),
  }
  return [node, ...command.commands.flatMap((child) => completionNodes(child, path === '' ? child.name() : `${path} ${child.name()}`))]
}

function oneLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').trim()
}

/** In single quotes nothing is special to a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** Where a script is: a blank before each word of the command. */
function place(path: string): string {
  return path === '' ? '' : ` ${path}`
}

/** `command:option` of every option that takes a value. */
function valued(nodes: readonly CompletionNode[]): { key: string; choices: readonly string[] }[] {
  return nodes.flatMap(({ options, path }) =>
    options
      .filter(({ takesValue }) => takesValue)
      .flatMap(({ choices, flags }) => flags.map((flag) => ({ key: `${place(path)}:${flag}`, choices }))),
  )
}

/**
 * Shared by bash and zsh, within a loop over the words typed so far: follows them to a command. Only commands without sub-commands take
 * values, so a value is never mistaken for one. (In zsh, `path` is the search path.)
 */
function step(nodes: readonly CompletionNode[]): string {
  const places = nodes.filter(({ path }) => path !== '').map(({ path }) => quoted(place(path)))
  return `    case "$at $word" in
      ${places.join('|')}) at="$at $word" ;;
    esac`
}

function bashScript(name: string, nodes: readonly CompletionNode[]): string {
  const choices = valued(nodes).map(({ choices, key }) =>
    choices.length > 0
      ? `    ${quoted(key)}) COMPREPLY=($(compgen -W ${quoted(choices.join(' '))} -- "$cur")); return ;;`
      : `    ${quoted(key)}) compopt -o default 2>/dev/null; return ;;`,
  )
  const words = nodes.map(({ commands, options, path }) => {
    const flags = options.flatMap((option) => option.flags)
    return `    ${quoted(place(path))}) commands=${quoted(commands.map((child) => child.name).join(' '))}; options=${quoted(flags.join(' '))} ;;`
  })
  return `# Completion of ${name} for bash. Load it with: source <(${name} completion bash)
_${name}_complete() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" at= word commands= options=
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
${step(nodes)}
  done
  case "$at:$prev" in
${choices.join('\n')}
  esac
  case "$at" in
${words.join('\n')}
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
  elif [[ -n $commands ]]; then
    COMPREPLY=($(compgen -W "$commands" -- "$cur"))
  else
    compopt -o default 2>/dev/null
  fi
}
complete -F _${name}_complete ${name}
`
}

function zshScript(name: string, nodes: readonly CompletionNode[]): string {
  const described = (entries: readonly (readonly [string, string])[]) =>
    entries.map(([word, summary]) => quoted(`${word.replaceAll(':', '\\:')}:${summary}`)).join(' ')
  const choices = valued(nodes).map(({ choices, key }) =>
    choices.length > 0
      ? `    ${quoted(key)}) compadd -- ${choices.map(quoted).join(' ')}; return ;;`
      : `    ${quoted(key)}) _files; return ;;`,
  )
  const words = nodes.map(({ commands, options, path }) => {
    const children = described(commands.map((child) => [child.name, child.summary]))
    const flags = described(options.flatMap((option) => option.flags.map((flag) => [flag, option.summary] as const)))
    return `    ${quoted(place(path))}) commands=(${children}); options=(${flags}) ;;`
  })
  return `#compdef ${name}
# Completion of ${name} for zsh. Save it as _${name} in a directory of $fpath, or load it with: source <(${name} completion zsh)
_${name}() {
  local at= word prev="\${words[CURRENT-1]}"
  local -a commands options typed
  typed=("\${(@)words[2,CURRENT-1]}")
  for word in "\${typed[@]}"; do
${step(nodes)}
  done
  case "$at:$prev" in
${choices.join('\n')}
  esac
  case "$at" in
${words.join('\n')}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then
    _describe -o option options
  elif (( \${#commands} )); then
    _describe command commands
  else
    _files
  fi
}
compdef _${name} ${name}
`
}

function fishScript(name: string, nodes: readonly CompletionNode[]): string {
  const at = (path: string) => `-n ${fishQuoted(`__${name}_at "${place(path)}"`)}`
  const lines = nodes.flatMap(({ commands, options, path }) => [
    ...commands.map((child) => `complete -c ${name} -f ${at(path)} -a ${fishQuoted(child.name)} -d ${fishQuoted(child.summary)}`),
    ...options.map(({ choices, flags, summary, takesValue }) => {
      const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ')
      const value = choices.length > 0 ? ` -x -a ${fishQuoted(choices.join(' '))}` : takesValue ? ' -r' : ''
      return `complete -c ${name} ${at(path)} ${names}${value} -d ${fishQuoted(summary)}`
    }),
  ])
  const places = nodes.filter(({ path }) => path !== '').map(({ path }) => fishQuoted(place(path)))
  return `# Completion of ${name} for fish. Load it with: ${name} completion fish | source
function __${name}_at
    set -l at
    for word in (commandline -opc)[2..-1]
        if contains -- "$at $word" ${places.join(' ')}
            set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
${lines.join('\n')}
`
}

/** Only these two are special in fish's single quotes. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
