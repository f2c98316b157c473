export const wood = "pine";
