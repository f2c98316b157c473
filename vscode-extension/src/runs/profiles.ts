/** What there is to choose from for the profile that scripts run with. */
import type { Profiles } from "../protocol.gen";

/** One of them as the picker shows it; no name stands for no profile. */
export interface ProfileItem {
  readonly label: string;
  readonly description: string;
  readonly name: string;
}

/** @param now the name of the one that is chosen; empty for none. */
export function profileItems({ profiles, chosen }: Profiles, now: string): ProfileItem[] {
  const none =
    chosen === null ? "the settings outside of all profiles" : `what the settings choose: ${chosen}`;
  const items = [
    { label: "No profile", description: none, name: "" },
    ...profiles.map((name) => ({ label: name, description: "", name })),
  ];
  return items.map(({ label, description, name }) => ({
    label: `${name === now ? "$(check) " : ""}${plain(label)}`,
    description: plain(description),
    name,
  }));
}

/** As it is written, where VS Code takes `$(name)` for an icon. */
function plain(text: string): string {
  return text.replace(/\$\([A-Za-z0-9-]+(~[A-Za-z]+)?\)/g, "\\$&");
}
