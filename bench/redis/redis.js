// k6's Redis module, in the shape that all run in.
import redis from "k6/x/redis";
import { runWith, setupWith, summaryOf } from "./shape.js";
export { options } from "./shape.js";

const client = new redis.Client(__ENV.REDIS);
const api = { get: (key) => client.get(key), set: (key, text) => client.set(key, text, 0) };

export const setup = setupWith(api);
export default runWith(api);
export const handleSummary = summaryOf(__ENV.SERVER ? "k6/x/redis" : "redis");
