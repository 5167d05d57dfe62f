/** The browser's storage for views: IndexedDB, one record for each, bounded in number. */

import type { Item } from "./fold.js";
import type { ResourceVersion } from "./generated/messages.js";

/** Of what is stored: another is forgotten. */
const SCHEMA = 1;
const DATABASE = "fanfare";
const VIEWS = "views";
const BY_TIME = "savedAt";
/** Records; the one that was not written for longest gives way. */
const VIEWS_MAX = 100;

/** What is kept of a view. */
export interface Kept {
  readonly key: string;
  /** How far it got: everything up to here is in `items`, or was there and was replaced. */
  readonly through: ResourceVersion;
  readonly items: readonly Item[];
  readonly isLimited: boolean;
}

interface Row extends Kept {
  readonly schema: number;
  readonly savedAt: number;
}

export interface KeptViews {
  /** Rejects where what is there is something else. */
  read(key: string): Promise<Kept | undefined>;
  write(kept: Kept): Promise<void>;
  remove(key: string): Promise<void>;
}

let opened: Promise<KeptViews> | undefined;

/** Rejects where there is no storage. */
export function keptViews(): Promise<KeptViews> {
  opened ??= open().catch((error) => {
    opened = undefined;
    throw error;
  });
  return opened;
}

/** Forgets all that was kept of watches with `persist`, by this page's origin: when someone logs out. */
export async function forgetPersisted(): Promise<void> {
  const database = await connect();
  const transaction = database.transaction(VIEWS, "readwrite");
  transaction.objectStore(VIEWS).clear();
  await done(transaction);
  database.close();
}

async function open(): Promise<KeptViews> {
  const database = await connect();
  // Another tab has a later version of this; it may go on.
  database.onversionchange = () => {
    database.close();
    opened = undefined;
  };
  const begin = (mode: IDBTransactionMode) => {
    const transaction = database.transaction(VIEWS, mode);
    return { transaction, views: transaction.objectStore(VIEWS) };
  };
  // Once is enough: a page adds few views, and the next one tidies up after it.
  let isTidy = false;
  const tidy = async () => {
    const { transaction, views } = begin("readwrite");
    let excess = (await result(views.count())) - VIEWS_MAX;
    if (excess > 0) {
      const cursor = views.index(BY_TIME).openCursor();
      cursor.onsuccess = () => {
        if (!cursor.result || excess-- <= 0) return;
        cursor.result.delete();
        cursor.result.continue();
      };
    }
    await done(transaction);
  };
  return {
    async read(key) {
      const row: unknown = await result(begin("readonly").views.get(key));
      if (row === undefined || isRow(row)) return row;
      throw new Error("stored by another version");
    },
    async write(kept) {
      const { transaction, views } = begin("readwrite");
      views.put({ ...kept, schema: SCHEMA, savedAt: Date.now() } satisfies Row);
      // A page that is being left has no time to wait for more.
      transaction.commit?.();
      await done(transaction);
      if (isTidy) return;
      isTidy = true;
      await tidy();
    },
    async remove(key) {
      const { transaction, views } = begin("readwrite");
      views.delete(key);
      await done(transaction);
    },
  };
}

function connect(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, SCHEMA);
  request.onupgradeneeded = () => {
    const { result: database } = request;
    for (const name of [...database.objectStoreNames]) database.deleteObjectStore(name);
    database.createObjectStore(VIEWS, { keyPath: "key" }).createIndex(BY_TIME, "savedAt");
  };
  return result(request);
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    if ("onblocked" in request)
      request.onblocked = () => reject(new Error("another page holds it"));
  });
}

function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

/** Whatever is stored may be of another version, or of someone else. */
function isRow(row: unknown): row is Row {
  if (typeof row !== "object" || row === null) return false;
  const { schema, through, items } = row as Partial<Row>;
  const isItem = (item: unknown) => {
    return typeof item === "object" && item !== null && "type" in item && item.type === "put";
  };
  if (schema !== SCHEMA || !Array.isArray(items) || !items.every(isItem)) return false;
  return typeof through === "string" && /^[0-9a-f]+\.\d+$/.test(through);
}
