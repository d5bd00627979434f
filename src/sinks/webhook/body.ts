/** Makes the body of a request from events: as JSON, or by a template. */
import { eventText } from "../../events/sinks/event-text.js";
import type { Body } from "../http/request.js";
import type { SentEvent } from "../kind.js";

const JSON_TYPE = "application/json";
const TEXT_TYPE = "text/plain; charset=utf-8";
const REFERENCE = /\$?\$\{(text|event(?:\.[^{}]*)?)\}/g;

/** Returns the value of a path such as `event.error.message`; undefined where there is none. */
function valueOf(reference: string, event: SentEvent): unknown {
  if (reference === "text") return eventText(event);
  const [, ...keys] = reference.split(".");
  return keys.reduce<unknown>((value, key) => {
    const isObject = typeof value === "object" && value !== null;
    return isObject && Object.hasOwn(value, key)
      ? (value as Record<string, unknown>)[key]
      : undefined;
  }, event);
}

function asText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Replaces the references in a text. One that is the whole text keeps its type. */
function fillText(text: string, event: SentEvent): unknown {
  const [whole, reference] = /^\$\{(text|event(?:\.[^{}]*)?)\}$/.exec(text) ?? [];
  if (whole !== undefined && reference !== undefined) return valueOf(reference, event) ?? null;
  return text.replace(REFERENCE, (found, name: string) =>
    found.startsWith("$$") ? found.slice(1) : asText(valueOf(name, event)),
  );
}

function fill(value: unknown, event: SentEvent): unknown {
  if (typeof value === "string") return fillText(value, event);
  if (Array.isArray(value)) return value.map((item) => fill(item, event));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, event)]));
}

/**
 * Returns the body for events: one as an object, several (with batches) as a list.
 * @param template text, or a JSON value whose strings are filled in; the events themselves without
 *   one.
 */
export function bodyOf(
  events: readonly SentEvent[],
  { template, isList }: { readonly template: unknown; readonly isList: boolean },
): Body {
  const [event] = events;
  if (template === undefined || event === undefined) {
    return { text: JSON.stringify(isList ? events : event), type: JSON_TYPE };
  }
  if (typeof template === "string")
    return { text: asText(fillText(template, event)), type: TEXT_TYPE };
  return { text: JSON.stringify(fill(template, event)), type: JSON_TYPE };
}
