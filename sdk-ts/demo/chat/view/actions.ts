/** What people do on the page. The views say that it was done; what follows is decided elsewhere. */

import type { Author } from "../model/author.js";

export interface Actions {
  introduce(author: Omit<Author, "id">): void;
  enter(room: string): void;
  say(text: string): void;
  retry(id: string): void;
  discard(id: string): void;
  /** The text box changed; it is empty, or not. */
  typed(isEmpty: boolean): void;
  /** The top of the timeline came into sight. */
  loadOlder(): void;
  /** Try to connect now. */
  reconnect(): void;
}
