/**
 * Finding entries by what callers ask for: functions by name and id, subscriptions by topic, queues and services by name.
 *
 * Only visible entries are in here. A name has one entry or a set of them, so that a name of its own costs no set.
 */
import { TopicTrie } from '../../base/index.ts'
import type { CacheProfileEntry, CacheRoleEntry, FunctionEntry, QueueEntry, ServiceEntry, TopicEntry } from '../../wire/index.ts'
import type { FunctionConflict } from './function-conflict.ts'
import { type CatalogEntry, type CatalogKind, sameTexts } from './kinds.ts'

/** Entries under names. */
class NameIndex<E extends object> {
  readonly #entries = new Map<string, E | Set<E>>()

  get names(): Iterable<string> {
    return this.#entries.keys()
  }

  get size(): number {
    return this.#entries.size
  }

  /** One entry under the name. */
  any(name: string): E | undefined {
    const held = this.#entries.get(name)
    return held instanceof Set ? (held.values().next().value as E) : held
  }

  all(name: string): Iterable<E> {
    const held = this.#entries.get(name)
    return held instanceof Set ? held : held === undefined ? [] : [held]
  }

  add(name: string, entry: E): void {
    const held = this.#entries.get(name)
    if (held === undefined) this.#entries.set(name, entry)
    else if (held instanceof Set) held.add(entry)
    else if (held !== entry) this.#entries.set(name, new Set([held, entry]))
  }

  /** True when the name has no entry left. */
  remove(name: string, entry: E): boolean {
    const held = this.#entries.get(name)
    if (held === entry) return this.#entries.delete(name)
    if (held instanceof Set && held.delete(entry) && held.size === 1) this.#entries.set(name, held.values().next().value as E)
    return false
  }
}

export class EntryIndex {
  readonly functions = new NameIndex<FunctionEntry>()
  readonly queues = new NameIndex<QueueEntry>()
  readonly services = new NameIndex<ServiceEntry>()
  /** By role. */
  readonly caches = new NameIndex<CacheRoleEntry>()
  /** By cluster. */
  readonly profiles = new NameIndex<CacheProfileEntry>()
  readonly #topics = new Map<string, TopicEntry>()
  /** Names of functions by their ids, where the two differ. */
  readonly #nameOfId = new Map<string, string>()
  /** Subscription ids under their patterns. Made when first asked: a node without publishers never matches a topic. */
  #trie: TopicTrie<string> | undefined

  /** The subscription that has this id. */
  topic(subscriptionId: string): TopicEntry | undefined {
    return this.#topics.get(subscriptionId)
  }

  functionIdOf(name: string): string | undefined {
    return this.functions.any(name)?.identity.function_id
  }

  nameOf(functionId: string): string | undefined {
    return this.#nameOfId.get(functionId) ?? (this.functionIdOf(functionId) === functionId ? functionId : undefined)
  }

  /** What stands against mapping this name to this id. */
  conflict(name: string, functionId: string): FunctionConflict | undefined {
    const id = this.functionIdOf(name)
    if (id !== undefined && id !== functionId) return { kind: 'name', taken: name, mappedTo: id }
    const owner = this.nameOf(functionId)
    if (owner !== undefined && owner !== name) return { kind: 'id', taken: functionId, mappedTo: owner }
    return undefined
  }

  matchTopics(topic: string): TopicEntry[] {
    if (this.#trie === undefined) {
      this.#trie = new TopicTrie()
      for (const entry of this.#topics.values()) addPatterns(this.#trie, entry)
    }
    const found: TopicEntry[] = []
    this.#trie.matchInto(topic, (id) => found.push(this.#topics.get(id) as TopicEntry))
    return found
  }

  add(kind: CatalogKind, entry: CatalogEntry): void {
    switch (kind) {
      case 'functions': {
        const { identity } = entry as FunctionEntry
        this.functions.add(identity.name, entry as FunctionEntry)
        if (identity.function_id !== identity.name) this.#nameOfId.set(identity.function_id, identity.name)
        return
      }
      case 'topics': {
        const topic = entry as TopicEntry
        this.#topics.set(topic.subscription_id, topic)
        if (this.#trie !== undefined) addPatterns(this.#trie, topic)
        return
      }
      case 'queues':
        return this.queues.add((entry as QueueEntry).queue_name, entry as QueueEntry)
      case 'services':
        return this.services.add((entry as ServiceEntry).name, entry as ServiceEntry)
      case 'caches':
        return this.caches.add((entry as CacheRoleEntry).role, entry as CacheRoleEntry)
      case 'cache_profiles':
        return this.profiles.add(entry.cluster_id, entry as CacheProfileEntry)
      case 'nodes':
    }
  }

  remove(kind: CatalogKind, entry: CatalogEntry): void {
    switch (kind) {
      case 'functions': {
        const { identity } = entry as FunctionEntry
        if (this.functions.remove(identity.name, entry as FunctionEntry)) this.#nameOfId.delete(identity.function_id)
        return
      }
      case 'topics': {
        const topic = entry as TopicEntry
        this.#topics.delete(topic.subscription_id)
        if (this.#trie !== undefined) for (const pattern of topic.patterns) this.#trie.remove(pattern, topic.subscription_id)
        return
      }
      case 'queues':
        this.queues.remove((entry as QueueEntry).queue_name, entry as QueueEntry)
        return
      case 'services':
        this.services.remove((entry as ServiceEntry).name, entry as ServiceEntry)
        return
      case 'caches':
        this.caches.remove((entry as CacheRoleEntry).role, entry as CacheRoleEntry)
        return
      case 'cache_profiles':
        this.profiles.remove(entry.cluster_id, entry as CacheProfileEntry)
        return
      case 'nodes':
    }
  }

  /** For two entries with the same key. */
  replace(kind: CatalogKind, known: CatalogEntry, entry: CatalogEntry): void {
    if (kind === 'topics' && sameTexts((known as TopicEntry).patterns, (entry as TopicEntry).patterns)) {
      this.#topics.set((entry as TopicEntry).subscription_id, entry as TopicEntry)
      return
    }
    if (known === entry) return
    // A name must not be free in between: its id would be.
    if (kind === 'topics') this.remove(kind, known)
    this.add(kind, entry)
    if (kind !== 'topics') this.remove(kind, known)
  }
}

function addPatterns(trie: TopicTrie<string>, { patterns, subscription_id }: TopicEntry): void {
  for (const pattern of patterns) trie.add(pattern, subscription_id)
}
