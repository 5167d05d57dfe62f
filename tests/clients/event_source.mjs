// A watch over the npm package `eventsource`, which reconnects and resumes by itself. Prints what comes.
import { createRequire } from "node:module";

const { EventSource } = createRequire(new URL("../../sdk-ts/package.json", import.meta.url))("eventsource");
const [url, topic] = process.argv.slice(2);
const source = new EventSource(`${url}/v1/topics/${topic}?watch=true`);
source.addEventListener("put", ({ data }) => console.log(`put ${JSON.parse(data).data}`));
for (const type of ["snapshot-end", "gone", "delete", "failure"]) {
  source.addEventListener(type, () => console.log(type));
}
