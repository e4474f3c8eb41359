// Seconds that a person worked: time passes from one input to the next, but never more than ten seconds without one.

export const IDLE_SECONDS = 10;

export class ActiveClock {
  constructor(now = () => performance.now() / 1000) {
    this.now = now;
    this.start(0);
  }

  start(seconds) {
    this.counted = seconds;
    this.last = this.now();
  }

  /** There was an input. */
  note() {
    this.counted = this.seconds;
    this.last = this.now();
  }

  /** Some of the seconds were spent on something else. */
  take(seconds) {
    this.counted -= seconds;
  }

  get seconds() {
    return this.counted + Math.min(this.idle, IDLE_SECONDS);
  }

  /** Seconds since the last input. */
  get idle() {
    return this.now() - this.last;
  }
}
