// Prints every event of orders: `node by_amqplib.cjs URL`, of RabbitMQ.
const amqplib = require("amqplib");

(async () => {
  const channel = await (await amqplib.connect(process.argv[2])).createChannel();
  await channel.assertExchange("checkout.events", "topic", { durable: true });
  await channel.assertQueue("by_amqplib", { durable: true });
  await channel.bindQueue("by_amqplib", "checkout.events", "order.#");
  await channel.consume("by_amqplib", (message) => {
    console.log(message.content.toString());
    channel.ack(message);
  });
})();
