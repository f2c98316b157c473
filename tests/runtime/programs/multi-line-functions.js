const f = async (
  a,
  b = {
    c: 1,
  },
) => {
  const inner = async function () {
    return [a, b.c];
  };
  return await inner();
};
f(1).then((v) => console.log(v));
