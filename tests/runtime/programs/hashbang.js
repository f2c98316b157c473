#!/usr/bin/env node
async function f() { return "hashbang" }
f().then(console.log)
