// A program in TypeScript: reads data, asks a model about each group of it at the same time, writes a report.
//
//   geppetto run samples/typescript-report.geppetto.ts --no-stream
//
// TypeScript and modules need no set-up: Geppetto compiles them, and errors are shown at their place in this file.
// Modules and JSON are found relative to the file that imports them, inside the project.

import feedback from "./data/feedback.json";
import { stars, table } from "./lib/markdown";
import { groupBy, mean } from "./lib/statistics";

type Review = (typeof feedback)[number];

interface Summary {
  show: string;
  reviews: number;
  rating: number;
  advice: string;
}

const model = new ChatStepFactory().newStep({ script: "typescript-report.model.yaml" });

async function summarise(show: string, reviews: readonly Review[]): Promise<Summary> {
  const rating = mean(reviews.map((review) => review.stars));
  const said = reviews.map((review) => `- ${review.stars}: ${review.text}`).join("\n");

  const conversation = new Conversation();
  conversation.addMessage("system", "You advise a puppet theatre. One short sentence, nothing else.");
  conversation.addMessage("user", `What should we change about "${show}"?\n${said}`);
  const advice = await model.startStream(conversation).finalText();

  return { show, reviews: reviews.length, rating, advice };
}

const groups = [...groupBy(feedback, (review) => review.show)];
const summaries = await Promise.all(groups.map(([show, reviews]) => summarise(show, reviews)));
summaries.sort((a, b) => b.rating - a.rating);

console.log("# What the audience says\n");
console.log(
  table(
    ["Show", "Reviews", "Rating", "Advice"],
    summaries.map(({ show, reviews, rating, advice }) => [show, String(reviews), stars(rating), advice]),
  ),
);
console.log(`\n${feedback.length} reviews, ${mean(feedback.map((review) => review.stars)).toFixed(1)} stars on average.`);
