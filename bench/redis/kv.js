// The memory backend, in the shape that both run in.
import { openKv } from "k6/x/kv";
import { runWith, setupWith, summaryOf } from "./shape.js";
export { options } from "./shape.js";

const kv = openKv({ backend: "memory" });

export const setup = setupWith(kv);
export default runWith(kv);
export const handleSummary = summaryOf("memory");
