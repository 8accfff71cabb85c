/* The strip chart: three lanes of the last seconds, fed with one increment a frame, drawn on a canvas. */
"use strict";
(() => {
  const SPAN_MS = 20000;
  const POINTS = 600;
  const PAD = { left: 118, right: 14, top: 6, bottom: 22 };
  const LANES = [
    { key: "rate", measured: "rate_measured_mhz", requested: "rate_requested_mhz", scale: 1 / 1000, top: 160, digits: 0, color: "--chart-rate" },
    { key: "depth", measured: "depth_measured_um", requested: "depth_requested_um", scale: 1 / 1000, top: 1.5, digits: 2, color: "--chart-depth" },
    { key: "load", measured: "load_ma", requested: null, scale: 1, top: 400, digits: 0, color: "--chart-load" },
  ];

  class Strip {
    constructor(canvas, say) {
      this.canvas = canvas;
      this.say = say;
      this.pen = canvas.getContext("2d");
      this.times = new Float64Array(POINTS).fill(NaN);
      this.values = LANES.map(() => [new Float64Array(POINTS).fill(NaN), new Float64Array(POINTS).fill(NaN)]);
      this.tops = LANES.map((lane) => lane.top);
      this.head = 0;
      this.newest = 0;
      this.due = false;
      new ResizeObserver(() => this.size()).observe(canvas);
      window.addEventListener("pen-theme", () => { this.colours = null; this.draw(); });
      this.size();
    }

    size() {
      const ratio = window.devicePixelRatio || 1;
      const box = this.canvas.getBoundingClientRect();
      if (box.width === 0) return;
      this.canvas.width = Math.round(box.width * ratio);
      this.canvas.height = Math.round(box.height * ratio);
      this.width = box.width;
      this.height = box.height;
      this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      this.draw();
    }

    add(frame) {
      const at = this.head % POINTS;
      this.head += 1;
      this.newest = frame.t_ms;
      this.times[at] = frame.t_ms;
      LANES.forEach((lane, i) => {
        const number = (key) => (key === null || frame[key] === null ? NaN : frame[key] * lane.scale);
        this.values[i][0][at] = number(lane.measured);
        this.values[i][1][at] = number(lane.requested);
        const most = Math.max(this.values[i][0][at] || 0, this.values[i][1][at] || 0);
        if (most > this.tops[i]) this.tops[i] = most * 1.15;
      });
      if (this.due) return;
      this.due = true;
      requestAnimationFrame(() => { this.due = false; this.draw(); });
    }

    look() {
      if (this.colours) return this.colours;
      const style = getComputedStyle(document.documentElement);
      const of = (name) => style.getPropertyValue(name).trim();
      this.colours = { ink: of("--ink"), soft: of("--ink-2"), line: of("--line"), lanes: LANES.map((lane) => of(lane.color)) };
      return this.colours;
    }

    draw() {
      if (!this.width) return;
      const { pen, width, height } = this;
      const colours = this.look();
      pen.clearRect(0, 0, width, height);
      const tall = (height - PAD.top - PAD.bottom) / LANES.length;
      LANES.forEach((lane, i) => this.lane(lane, i, PAD.top + i * tall, tall, colours));
      pen.fillStyle = colours.soft;
      pen.font = "13px Roboto, sans-serif";
      pen.textBaseline = "alphabetic";
      const wide = width - PAD.left - PAD.right;
      for (const back of [20, 15, 10, 5, 0]) {
        pen.textAlign = back === 20 ? "left" : back === 0 ? "right" : "center";
        pen.fillText(back === 0 ? this.say("chart.now") : this.say("chart.back", { n: back }), PAD.left + wide * (1 - back / 20), height - 5);
      }
    }

    lane(lane, index, top, tall, colours) {
      const { pen, width } = this;
      const bottom = top + tall - 8;
      pen.strokeStyle = colours.line;
      pen.lineWidth = 1;
      pen.beginPath();
      pen.moveTo(PAD.left, bottom + 0.5);
      pen.lineTo(width - PAD.right, bottom + 0.5);
      pen.stroke();
      pen.textAlign = "left";
      pen.textBaseline = "middle";
      pen.fillStyle = colours.ink;
      pen.font = "600 14px Roboto, sans-serif";
      const low = tall < 44;  // no room for a second line
      pen.fillText(this.say(`chart.${lane.key}`), 4, low ? bottom - 7 : top + tall / 2 - 10);
      if (low) { this.curves(index, top, bottom, colours); return; }
      pen.fillStyle = colours.soft;
      pen.font = "13px Roboto, sans-serif";
      pen.fillText(this.say("chart.range", { low: "0", high: this.tops[index].toFixed(lane.key === "depth" ? 1 : 0), unit: this.say(`chart.${lane.key}_unit`) }), 4, top + tall / 2 + 9);
      this.curves(index, top, bottom, colours);
    }

    curves(index, top, bottom, colours) {
      const [measured, requested] = this.values[index];
      const y = (value) => bottom - (bottom - top - 4) * Math.min(1, value / this.tops[index]);
      if (LANES[index].requested !== null) this.line(requested, y, colours.soft, [5, 4], 1.5);
      this.line(measured, y, colours.lanes[index], [], 2.5);
    }

    line(values, y, colour, dash, thick) {
      const { pen, width } = this;
      const wide = width - PAD.left - PAD.right;
      pen.strokeStyle = colour;
      pen.lineWidth = thick;
      pen.setLineDash(dash);
      pen.beginPath();
      let down = false;
      for (let i = Math.max(0, this.head - POINTS); i < this.head; i += 1) {
        const back = this.newest - this.times[i % POINTS];
        const value = values[i % POINTS];
        if (back > SPAN_MS || Number.isNaN(value)) { down = false; continue; }
        const x = PAD.left + wide * (1 - back / SPAN_MS);
        if (down) pen.lineTo(x, y(value)); else pen.moveTo(x, y(value));
        down = true;
      }
      pen.stroke();
      pen.setLineDash([]);
    }
  }

  window.penStrip = Strip;
})();
