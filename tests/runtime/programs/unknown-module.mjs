console.log("never"); import "./nowhere.mjs";
