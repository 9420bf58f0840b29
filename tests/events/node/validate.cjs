// AsyncAPI's own parser reads the documents on standard input and prints what it has against each.
const { Parser } = require("@asyncapi/parser");

const INFORMATION = 2; // Less than a warning: a newer version of AsyncAPI is there.

const judge = async (document) => {
  const { document: understood, diagnostics } = await new Parser().parse(JSON.stringify(document));
  const faults = diagnostics.filter(({ severity }) => severity < INFORMATION);
  return {
    is_understood: understood !== undefined,
    faults: faults.map(({ code, message, path }) => ({ code, message, path })),
  };
};

(async () => {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const documents = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  console.log(JSON.stringify(await Promise.all(documents.map(judge))));
})();
