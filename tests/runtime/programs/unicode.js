const naïve = async (é) => `😀${é}`, 变量 = async function 函数() { return 函数.name }; const \u0061bc = async () => "escaped";
Promise.all([naïve("ü"), 变量(), abc()]).then((all) => console.log(all)); console.log("\u{1F600}".length, "\ud83d".length);
