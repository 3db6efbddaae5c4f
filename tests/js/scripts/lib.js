// What the scripts of these tests share: telling the Go side what happened.
// Everything that is used later is taken now, before a hostile script changes
// it; so this module must be imported first.
import { openKv } from "k6/x/kv";

const { stringify } = JSON;
const { isArray } = Array;
const { keys, is } = Object;
const NativeError = Error;
const tag = (value) => Object.prototype.toString.call(value);

// tell reports text under an id. The Go side looks for "@@" in k6's log.
export function tell(id, text) {
  console.log("@@" + id + "\t" + text);
}

// show is like JSON.stringify, in the order of the keys, but tells apart what
// JSON does not.
export function show(value) {
  if (typeof value === "string") return quote(value);
  if (typeof value === "bigint") return value + "n";
  if (is(value, -0)) return "-0";
  if (typeof value === "function" || typeof value === "symbol") return typeof value;
  if (value === null || typeof value !== "object") return String(value);
  if (isArray(value)) return "[" + parts(value.length, (i) => show(value[i])) + "]";
  if (tag(value) === "[object ArrayBuffer]") {
    const bytes = new Uint8Array(value);
    return "ArrayBuffer(" + parts(bytes.length, (i) => String(bytes[i])) + ")";
  }
  if (tag(value) !== "[object Object]") return tag(value);
  const names = keys(value);
  return "{" + parts(names.length, (i) => quote(names[i]) + ":" + show(value[names[i]])) + "}";
}

// quote escapes lone surrogates, which would not survive the log.
function quote(text) {
  let quoted = "";
  for (const char of text) {
    const code = char.codePointAt(0);
    const alone = code >= 0xd800 && code < 0xe000;
    quoted += alone ? "\\u" + code.toString(16) : stringify(char).slice(1, -1);
  }
  return '"' + quoted + '"';
}

function parts(count, part) {
  let text = "";
  for (let i = 0; i < count; i++) text += (i > 0 ? "," : "") + part(i);
  return text;
}

// failure describes what was thrown; a text that starts with "!?" is no
// proper error of the module.
export function failure(error) {
  if (!(error instanceof NativeError)) return "!? not an Error: " + show(error);
  if (tag(error) !== "[object Error]") return "!? not a real Error: " + tag(error);
  if (typeof error.stack !== "string" || !error.stack.includes("script.js")) {
    return "!? no script in the stack of " + error.name + ": " + error.stack;
  }
  return "!" + error.name + ": " + error.message;
}

// row tells what an async function resolves to, or rejects with.
export async function row(id, run) {
  let text;
  try {
    text = show(await run());
  } catch (error) {
    text = failure(error);
  }
  tell(id, text);
}

// rowNow is row for a function that is not async.
export function rowNow(id, run) {
  let text;
  try {
    text = show(run());
  } catch (error) {
    text = failure(error);
  }
  tell(id, text);
}

// rowAtInit is rowNow at the top level. What is told under early/ comes from where
// k6 only looks at the script, and files are not opened yet.
export function rowAtInit(id, run) {
  rowNow(__VU > 0 ? id : "early/" + id, run);
}

// table runs every row on every store, each on an empty one.
export async function table(stores, rows) {
  for (const name of keys(stores)) {
    for (let i = 0; i < rows.length; i++) {
      await stores[name].clear();
      await row(name + "/" + i, () => rows[i](stores[name]));
    }
  }
}

// opens tries whether a store can be opened, and lets go of it.
export function opens(options) {
  const kv = openKv(options);
  kv.close();
  return "opened";
}

// fill sets many keys at once.
export function fill(kv, names) {
  return Promise.all(names.map((name) => kv.set(name, name)));
}
