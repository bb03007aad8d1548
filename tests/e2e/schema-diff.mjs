// Every pair of the table by graphql-js and by `switchboard diff`: the same breaking and dangerous changes, in the same words.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { buildSchema, findBreakingChanges, findDangerousChanges } from "graphql";

// What graphql-js does not look for.
const OURS = new Set(["ROOT_TYPE_CHANGED", "ONE_OF_ADDED", "INPUT_FIELD_DEFAULT_VALUE_CHANGE"]);
// It counts standard scalars that nobody uses any more as removed types.
const isStandard = ({ description }) => /^Standard scalar/.test(description);

const directory = mkdtempSync(join(tmpdir(), "switchboard-diff-"));
process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
const [before, after] = ["old.graphql", "new.graphql"].map((name) => join(directory, name));

let failed = 0;
const cases = readFileSync(process.argv[2], "utf8").trim().split("\n").map((line) => JSON.parse(line));
for (const { name, old, new: now } of cases) {
  const [oldSchema, newSchema] = [old, now].map((sdl) => buildSchema(sdl));
  const theirs = [
    ...findBreakingChanges(oldSchema, newSchema).map((change) => ({ severity: "breaking", ...change })),
    ...findDangerousChanges(oldSchema, newSchema).map((change) => ({ severity: "dangerous", ...change })),
  ];
  writeFileSync(before, old);
  writeFileSync(after, now);
  const told = spawnSync(process.env.SWITCHBOARD, ["diff", before, after, "--format", "json", "--fail-on", "never"]);
  if (told.status !== 0) throw new Error(`${name}: ${told.stderr}`);
  const ours = JSON.parse(told.stdout).changes.filter(({ kind, severity }) => severity !== "safe" && !OURS.has(kind));
  const line = (severity, kind, message) => `${severity} ${kind}: ${message}`;
  const expected = theirs.filter((change) => !isStandard(change)).map((one) => line(one.severity, one.type, one.description));
  const actual = ours.map(({ severity, kind, message }) => line(severity, kind, message));
  if (expected.sort().join("\n") !== actual.sort().join("\n")) {
    failed += 1;
    console.log(`FAILED ${name}\n  graphql-js: ${expected.join("; ")}\n  ours:       ${actual.join("; ")}`);
  }
}
console.log(`${cases.length} pairs of schemas, ${failed} told differently`);
process.exit(failed === 0 ? 0 : 1);
