/** Why a query found nothing where somebody looks for something: by asking again, less narrowly. */
import { RpcError } from '../client/index.ts'
import { at, type JsonObject, listAt, textAt } from './json-value.ts'

/**
 * @param request a `catalog_query` that found nothing
 * @param query asks another
 * @returns undefined when there is nothing to tell
 */
export async function whyEmpty(request: JsonObject, query: (request: JsonObject) => Promise<unknown>): Promise<string | undefined> {
  /** One of what is found with some fields changed; a node that answers no further questions is no failure. */
  async function first(changed: JsonObject): Promise<unknown> {
    try {
      return listAt(await query({ ...request, page_token: undefined, limit: 1, ...changed }), 'items')[0]
    } catch (error) {
      if (error instanceof RpcError) return undefined
      throw error
    }
  }

  const { entry_type: type, function_name: name, namespace, page_token: page, scope } = request
  if (page !== undefined) return undefined
  if (scope === 'region' || scope === 'global') {
    const narrower = await first({ scope: undefined })
    if (narrower !== undefined) {
      const reach = textAt(narrower, 'scope') ?? 'less'
      return `No ${type} reach as far as '${scope}'. There are some without --scope; the first is announced for '${reach}'.`
    }
  }
  if (type !== 'functions' || typeof namespace !== 'string' || (name !== undefined && name !== namespace)) return undefined
  const called = await first({ namespace: undefined, function_name: namespace })
  if (called === undefined) return undefined
  const shown = at(called, 'identity', 'name')
  return `'${shown}' is a function, not a namespace: --function-name ${shown} finds it.`
}
