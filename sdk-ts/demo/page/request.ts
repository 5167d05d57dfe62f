/** What a page asks for, as a developer would ask for it: over plain HTTP, and with the SDK. */

import type { ViewOptions } from "../../src/index.js";

/** In single quotes, as a shell takes it literally. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The line that gets the same events. */
export function curlOf(node: string, topic: string, view: ViewOptions): string {
  const { filter, fields, interval } = view;
  const parameters = [
    "-d watch=true",
    ...(filter ? [`--data-urlencode ${quoted(`filter=${filter}`)}`] : []),
    ...(fields ? [`-d ${quoted(`fields=${fields.join(",")}`)}`] : []),
    ...(interval === undefined ? [] : [`-d interval=${interval}`]),
  ];
  const url = quoted(new URL(`v1/topics/${topic}`, node).href);
  return [`curl -NG ${url}`, "-H 'Accept: text/event-stream'", ...parameters].join(" \\\n  ");
}

/** The same in TypeScript. */
export function codeOf(topic: string, view: ViewOptions): string {
  const { filter, fields, interval } = view;
  const options = [
    ...(filter ? [`  filter: ${JSON.stringify(filter)},`] : []),
    ...(fields ? [`  fields: ${JSON.stringify(fields)},`] : []),
    ...(interval === undefined ? [] : [`  interval: ${JSON.stringify(interval)},`]),
  ];
  const open = `client.topic(${JSON.stringify(topic)}).watch(`;
  if (options.length === 0) return `${open})`;
  return [`${open}{`, ...options, "})"].join("\n");
}
