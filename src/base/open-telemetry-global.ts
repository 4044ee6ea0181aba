/**
 * What is registered with the OpenTelemetry API in this process, without loading the API to ask it: its first version keeps all that under one key of
 * the global object, so that several copies of it find each other.
 */
export function isOpenTelemetryRegistered(): boolean {
  return registered()?.trace !== undefined
}

/** Whether somebody keeps track of what code is at work on. */
export function hasOpenTelemetryContext(): boolean {
  return registered()?.context !== undefined
}

function registered(): { readonly trace?: unknown; readonly context?: unknown } | undefined {
  return (globalThis as { [API_KEY]?: object })[API_KEY]
}

const API_KEY: unique symbol = Symbol.for('opentelemetry.js.api.1') as never
