// A line chart in SVG: curves over seconds, all from zero, with the largest value written at its height.

const SPACE = "http://www.w3.org/2000/svg";
const WIDTH = 420, HEIGHT = 190, LEFT = 44, FOOT = 24, TOP = 12;

function s(name, attributes, text = "") {
  const element = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

/** `curves` are `[{points: [[seconds, value]], className, isArea}]`; `most` is the height of the chart. */
export function chart(label, curves, most) {
  const last = Math.max(1, ...curves.flatMap(({ points }) => points.map(([seconds]) => seconds)));
  const x = (seconds) => LEFT + (seconds / last) * (WIDTH - LEFT - 4);
  const y = (value) => HEIGHT - FOOT - (value / most) * (HEIGHT - FOOT - TOP);
  const picture = s("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  for (const value of [0, most / 2, most]) {
    picture.append(s("line", { class: "axis", x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value) }),
      s("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, String(value)));
  }
  picture.append(s("text", { x: LEFT, y: HEIGHT - 4 }, "0 s"), s("text", { x: WIDTH, y: HEIGHT - 4, "text-anchor": "end" }, `${last.toFixed(1)} s`));
  for (const { points, className, isArea } of curves) {
    const way = points.map(([seconds, value]) => `${x(seconds).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
    if (isArea && points.length) picture.append(s("polygon", { class: "area", points: `${x(0)},${y(0)} ${way} ${x(points.at(-1)[0])},${y(0)}` }));
    picture.append(s("polyline", { class: `curve ${className}`, points: way }));
  }
  return picture;
}
