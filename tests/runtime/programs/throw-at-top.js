console.log("start"); setTimeout(() => console.log("never")); throw new Error("top");
