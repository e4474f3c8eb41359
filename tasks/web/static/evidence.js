// How a frame's masks were made: every gesture, in order, as the server keeps it with the answer.

const MOST_GESTURES = 1000, MOST_POINTS = 100;

const rounded = ([x, y]) => [Math.round(x * 10) / 10, Math.round(y * 10) / 10];

export class Evidence {
  constructor() {
    this.made = [];
  }

  open() {
    this.made = [];
  }

  /** Note a gesture on an object; of a long line every so many points are kept. Its step may come later. */
  add(gesture) {
    const { points } = gesture, every = Math.ceil(points.length / MOST_POINTS);
    const kept = points.filter((_, i) => i % every === 0 || i === points.length - 1).map(rounded);
    if (this.made.length < MOST_GESTURES) this.made.push({ gesture, points: kept });
  }

  /** The gestures on objects that are still there, those that were taken back among them, and the masks that were accepted one by one. */
  list(drawing) {
    const here = new Set(drawing.objects.filter((o) => !o.ignored));
    const made = this.made.filter(({ gesture }) => here.has(gesture.object));
    const noted = made.map(({ gesture: { tool, object, adds, step }, points }) => ({
      tool, track_id: object.track, adds, points, taken_back: Boolean(step?.takenBack),
    }));
    const accepted = [...here].filter((object) => object.accepted);
    return [...noted, ...accepted.map((o) => ({ tool: "accept", track_id: o.track, adds: true, points: [] }))];
  }
}
