await new Promise((r) => setTimeout(r, 5)); console.log("slow runs once"); export const slow = "slow";
