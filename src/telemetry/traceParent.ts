/** A W3C traceparent: version, trace id, span id and flags (https://www.w3.org/TR/trace-context/). */
export const TRACE_PARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/;

/** The ids in a traceparent; undefined for anything that is none. */
export function parseTraceParent(text: string | undefined): { traceId: string; spanId: string } | undefined {
  const [, traceId, spanId] = TRACE_PARENT.exec(text ?? '') ?? [];
  return traceId && spanId ? { traceId, spanId } : undefined;
}
