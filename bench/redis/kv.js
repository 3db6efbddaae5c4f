// The memory backend, or a store on a server, in the shape that all run in.
import { openKv } from "k6/x/kv";
import { runWith, setupWith, summaryOf } from "./shape.js";
export { options } from "./shape.js";

const url = __ENV.STORE_URL;
const kv = openKv(url ? { backend: "redis", url } : { backend: "memory" });

export const setup = setupWith(kv);
export default runWith(kv);
export const handleSummary = summaryOf(url ? "k6/x/kv" : "memory");
