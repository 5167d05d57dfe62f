/** The chat demo: starts the page. */

import { Fanfare } from "../../src/index.js";
import { App } from "./app.js";
import { Memory } from "./memory.js";

const isGuest = new URLSearchParams(location.search).has("guest");
// The node that served the page, also behind a proxy that puts it below a path.
const node = new URL("../..", location.href).href;

new App(new Fanfare(node, { client: "fanfare-chat-demo" }), new Memory(isGuest));
