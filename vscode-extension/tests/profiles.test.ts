import { expect, test } from "vitest";
import { profileItems } from "../src/runs/profiles";

test("profiles are chosen by name, and shown as they are written", () => {
  expect(profileItems({ profiles: ["fast", "weird $(x) name", "$(no icon)"], chosen: null }, "fast")).toEqual(
    [
      { label: "No profile", description: "the settings outside of all profiles", name: "" },
      { label: "$(check) fast", description: "", name: "fast" },
      { label: "weird \\$(x) name", description: "", name: "weird $(x) name" },
      { label: "$(no icon)", description: "", name: "$(no icon)" },
    ],
  );
  expect(profileItems({ profiles: [], chosen: "$(x)" }, "")).toEqual([
    { label: "$(check) No profile", description: "what the settings choose: \\$(x)", name: "" },
  ]);
});
