import { MarqueeError } from "../marquee.js";

const PATIENCE_MS = 10_000;

/** Response of a server, whatever of the statuses `expected` it has; no answer and other statuses are a `MarqueeError`. */
export async function fetched(url, { expected = [200], ...options } = {}) {
  const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS), ...options }).catch((cause) => {
    throw new MarqueeError(`${url}: expected an answer, got ${cause}`, cause.name === "TimeoutError" ? "timeout" : "network", { cause });
  });
  if (expected.includes(response.status)) return response;
  const code = { 401: "unauthenticated", 403: "forbidden" }[response.status] ?? "failed";
  throw new MarqueeError(`${url}: got status ${response.status}`, code, { status: response.status });
}
