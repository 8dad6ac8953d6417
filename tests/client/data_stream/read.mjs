// Reads bodies (a JSON array of [base64, bytes a chunk]) and prints for each what the public package tells of its lines.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(process.argv[2] + "/package.json");
const { processDataStream } = await import(pathToFileURL(require.resolve("@ai-sdk/ui-utils")).href);

function chunked(bytes, size) {
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += size) controller.enqueue(new Uint8Array(bytes.subarray(at, at + size)));
      controller.close();
    },
  });
}

const handlers = (told) => ({
  onTextPart: (value) => told.push(["0", value]),
  onReasoningPart: (value) => told.push(["g", value]),
  onToolCallStreamingStartPart: (value) => told.push(["b", value]),
  onToolCallDeltaPart: (value) => told.push(["c", value]),
  onToolCallPart: (value) => told.push(["9", value]),
  onToolResultPart: (value) => told.push(["a", value]),
  onStartStepPart: (value) => told.push(["f", value]),
  onFinishStepPart: (value) => told.push(["e", value]),
  onFinishMessagePart: (value) => told.push(["d", value]),
  onErrorPart: (value) => told.push(["3", value]),
});

const out = [];
for (const [body, size] of JSON.parse(readFileSync(0, "utf8"))) {
  const told = [];
  try {
    await processDataStream({ stream: chunked(Buffer.from(body, "base64"), size), ...handlers(told) });
    out.push({ told });
  } catch (error) {
    out.push({ told, error: String(error.message) });
  }
}
process.stdout.write(JSON.stringify(out));
