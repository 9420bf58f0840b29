// Calls through Alipay's own SDK for Node, unmodified; reads and writes what official.py does.
const { AlipaySdk } = require("alipay-sdk");

const told = JSON.parse(require("fs").readFileSync(0, "utf8"));
const sdk = new AlipaySdk({
  appId: told.app_id,
  privateKey: told.key,
  alipayPublicKey: told.alipay_key,
  gateway: told.gateway,
  camelcase: false,
});

(async () => {
  const answers = [];
  for (const [method, biz] of told.calls) {
    answers.push(await sdk.exec(method, { bizContent: biz }, { validateSign: true }));
  }
  const page = told.page ? sdk.pageExecute("alipay.trade.page.pay", "GET", { bizContent: told.page }) : undefined;
  process.stdout.write(JSON.stringify({ answers, page }));
})().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
