// Where the demo's buyers live. A real shop would ask them.

/** The address of an order, as the API wants it. */
export const addressOf = (buyer) => ({ recipient: `买家 ${buyer}`, phone: "13800000000", region: "上海市 黄浦区", detail: "示例路 1 号" });
