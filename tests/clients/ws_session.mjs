// A session over the npm package `ws`, subscribed to in the URL; opened again with the cursor. Prints what comes.
import { createRequire } from "node:module";

const { WebSocket } = createRequire(new URL("../../sdk-ts/package.json", import.meta.url))("ws");
const RETRY_MS = 100;
const [url, topic] = process.argv.slice(2);

function watch(cursor) {
  const resume = cursor === undefined ? "" : `&resourceVersion=${cursor}`;
  const socket = new WebSocket(`${url.replace("http", "ws")}/v1/ws?topic=${topic}${resume}`);
  let last = cursor;
  socket.on("error", () => {});
  socket.on("close", () => setTimeout(() => watch(last), RETRY_MS));
  socket.on("message", (frame) => {
    for (const { type, payload } of frame.toString().split("\n").map((text) => JSON.parse(text))) {
      if (type === "EVENT") {
        last = payload.through;
        for (const event of payload.events.filter(({ type }) => type !== "bookmark")) {
          console.log(event.type === "put" ? `put ${event.data}` : event.type);
        }
      }
    }
  });
}

watch();
