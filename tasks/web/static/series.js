// Clicks or strokes on one object that are made one after the other: the server is asked with all of them each time.

const MOST_POINTS = 150;
const YES = "#0a8f5f", NO = "#c23a48";

/** What the tools whose gestures add up call them in a question to the server. */
export const SERIES = { click: "clicks", scribble: "strokes" };

/** The question that a series is. */
export const questionOf = ({ tool, base, own, made }) => ({ rle: base, own, [SERIES[tool]]: made });

/** A stroke as the server takes it: of a long line every so many points are kept, and the last. */
export function strokeOf(points, positive) {
  const step = Math.ceil(points.length / MOST_POINTS);
  return { points: points.filter((_, i) => i % step === 0 || i === points.length - 1), positive };
}

/** Draw one gesture of a series. */
export function drawGesture(context, scale, gesture) {
  if (gesture.points) drawStroke(context, scale, gesture);
  else drawClick(context, scale, gesture);
}

function drawStroke(context, scale, { points, positive }) {
  for (const [colour, width] of [["#ffffff", 5], [positive ? YES : NO, 3]]) {
    context.beginPath();
    context.moveTo(...points[0]);
    for (const point of points) context.lineTo(...point);
    Object.assign(context, { strokeStyle: colour, lineWidth: width / scale, lineCap: "round", lineJoin: "round" });
    context.stroke();
  }
  Object.assign(context, { lineCap: "butt", lineJoin: "miter" });
}

function drawClick(context, scale, { x, y, positive }) {
  const centre = [x + 0.5, y + 0.5], r = 6 / scale;
  context.beginPath();
  context.arc(...centre, r, 0, 7);
  context.fillStyle = positive ? YES : NO;
  context.fill();
  context.strokeStyle = "#ffffff";
  context.lineWidth = 1.6 / scale;
  context.moveTo(centre[0] - r / 2, centre[1]);
  context.lineTo(centre[0] + r / 2, centre[1]);
  if (positive) context.moveTo(centre[0], centre[1] - r / 2);
  if (positive) context.lineTo(centre[0], centre[1] + r / 2);
  context.stroke();
}
