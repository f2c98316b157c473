const answer = 42;
answer.toUpperCase();
