/**
 * The import rules: who may see whom. docs/architecture.md explains the rooms.
 *
 * They are read from the sources with swc (`options.parser`); with TypeScript 7 alone dependency-cruiser finds no modules at all
 * and reports a clean house. test/house/import-rules.test.ts guards against that.
 */
'use strict'

/** Lowest first. A room sees everything on the levels below its own, and nothing else. */
const levels = [
  ['base'],
  ['wire'],
  ['transport'],
  ['telemetry'],
  ['storage'],
  ['fabric'],
  ['raft'],
  ['pubsub'],
  ['rpc'],
  ['queue', 'cache', 'ledger', 'discovery'],
]
const below = (level) => levels.slice(0, level).flat()
const everyLevel = below(levels.length)

/** room -> the rooms it may import (by their index.ts). */
const sees = {
  ...Object.fromEntries(levels.flatMap((rooms, level) => rooms.map((room) => [room, below(level)]))),
  monitor: ['base', 'wire', 'telemetry'],
  node: [...everyLevel, 'monitor'],
  sim: [...everyLevel, 'monitor', 'node'],
  debug: [...everyLevel, 'monitor', 'node'],
  client: ['base', 'wire'],
  cli: ['base', 'telemetry', 'client', 'node', 'sim', 'debug'],
}

/** Rooms whose code runs unchanged in the simulator: the world reaches them only through Env. */
const pure = ['base', 'fabric', 'raft', 'rpc', 'pubsub', 'queue', 'cache', 'ledger', 'discovery', 'telemetry']

const oneOf = (names) => `(?:${names.join('|')})`
const tests = '\\.(?:long\\.)?test\\.ts$'
const realEnv = '^src/base/real-env\\.ts$'
const core = (names) => `^(?:node:)?${oneOf(names)}(?:/|$)`

/** Single files of a room that certain others may import beside its index.ts. */
const doors = {
  client: ['^src/transport/browser\\.ts$', '^src/wire/browser\\.ts$'],
  cli: ['^src/client-node\\.ts$'],
}

module.exports = {
  forbidden: [
    ...Object.entries(sees).map(([room, allowed]) => ({
      name: `downward-only-from-${room}`,
      comment: `src/${room} may import ${allowed.length ? allowed.join(', ') : 'no other room'}. Move the code down, or hand it in from above.`,
      severity: 'error',
      from: { path: `^src/${room}/`, pathNot: tests },
      to: { path: '^src/', pathNot: [`^src/${oneOf([room, ...allowed])}/`, ...(doors[room] ?? [])] },
    })),
    {
      name: 'only-through-the-index',
      comment: "A room's index.ts is its whole public face. Export from there what others need.",
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: '^src/client/' },
      to: { path: '^src/[^/]+/', pathNot: ['^src/$1/', '^src/[^/]+/index\\.ts$'] },
    },
    {
      name: 'only-through-the-index-client',
      comment: "A client uses a room's index.ts, and of transport and wire the faces that also run in a browser.",
      severity: 'error',
      from: { path: '^src/client/' },
      to: { path: '^src/[^/]+/', pathNot: ['^src/client/', '^src/[^/]+/index\\.ts$', ...doors.client] },
    },
    {
      name: 'only-through-the-index-entries',
      comment: 'The package entries compose rooms by their index.ts.',
      severity: 'error',
      from: { path: '^src/[^/]+\\.ts$' },
      to: { path: '^src/[^/]+/', pathNot: ['^src/[^/]+/index\\.ts$', ...doors.client] },
    },
    {
      name: 'known-rooms-only',
      comment: 'A new room needs its place in the order: add it to .dependency-cruiser.cjs and docs/architecture.md.',
      severity: 'error',
      from: {},
      to: { path: '^src/[^/]+/', pathNot: `^src/${oneOf(Object.keys(sees))}/` },
    },
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one concept, or lack a third below them.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'src-stands-alone',
      comment: 'Nothing that ships may need tests, benchmarks or scripts.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(?:test|bench|scripts|ui)/' },
    },
    {
      name: 'no-unresolved',
      comment: 'The import leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-dev-dependencies-in-src',
      comment: 'Code that ships must not need a devDependency (types excepted).',
      severity: 'error',
      from: { path: '^src/', pathNot: tests },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg'],
        dependencyTypesNot: ['type-only'],
        pathNot: '/node_modules/@types/|^node_modules/@types/',
      },
    },
    {
      name: 'pure-rooms-touch-no-world',
      comment: 'Sockets, files, processes and timers are handed in through Env, or the simulator can not replay this code.',
      severity: 'error',
      from: { path: `^src/${oneOf(pure)}/`, pathNot: [tests, realEnv] },
      to: {
        dependencyTypesNot: ['type-only'],
        path: [
          core([
            'fs',
            'net',
            'tls',
            'http',
            'https',
            'http2',
            'dgram',
            'dns',
            'timers',
            'child_process',
            'worker_threads',
            'cluster',
            'sqlite',
            'readline',
          ]),
          '^node_modules/(?:ws|fastify|pg|pino)/',
        ],
      },
    },
    {
      name: 'client-runs-in-a-browser',
      comment: 'Whatever the client reaches, at any distance, must exist in a browser too.',
      severity: 'error',
      from: { path: '^src/client/', pathNot: tests },
      to: {
        reachable: true,
        path: [
          '^node_modules/(?:ws|typebox|fastify|pg|pino)/',
          core(['fs', 'net', 'tls', 'http', 'https', 'http2', 'dgram', 'dns', 'child_process', 'worker_threads', 'sqlite']),
        ],
      },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(?:^|/)dist/' },
    builtInModules: { add: ['node:sqlite', 'node:test', 'node:sea'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.cjs', '.js', '.json', '.d.ts'],
    },
    progress: { type: 'none' },
  },
}
