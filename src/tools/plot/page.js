"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const main = document.getElementById("main");
main.textContent = "";
document.getElementById("version").textContent = data.version;

/** Makes an element. What others wrote becomes text, and never markup. */
function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const isKnown = (value) => value !== null && value !== undefined;
const fixed = (value, digits) => value.toFixed(digits);
/** Three digits or more, so that sizes that differ look different. */
const digits = (value) => (Math.abs(value) >= 100 ? 1 : Math.abs(value) >= 1 ? 2 : 4);
const figure = (value) => fixed(value, digits(value));
const million = (cost) => figure(cost * 1e6);
const share = (value) => (value > 0 ? "+" : value < 0 ? "−" : "±") + fixed(Math.abs(value) * 100, 1) + " %";
/** A share in percent, rounded down as in src/report/percentage.rs. */
const atLeast = (value) => fixed(Math.floor(value * 1000 + 1e-6) / 10, 1);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

/** Ranks sizes as src/decide/mod.rs does: the indices of those with a result, from the best to the worst. */
function ranking(sizes, strategy, weight) {
  const measured = sizes.map((_, at) => at).filter((at) => isKnown(sizes[at].cost) && isKnown(sizes[at].objectiveDuration));
  const cost = (at) => sizes[at].cost;
  const duration = (at) => sizes[at].objectiveDuration;
  const greatest = (value) => measured.map(value).reduce((a, b) => Math.max(a, b), 0);
  const greatestCost = greatest(cost), greatestDuration = greatest(duration);
  const part = (value, greatest) => (greatest > 0 ? value / greatest : 0);
  const score = (at) =>
    strategy === "cost" ? cost(at)
    : strategy === "speed" ? duration(at)
    : weight * part(cost(at), greatestCost) + (1 - weight) * part(duration(at), greatestDuration);
  const tieBreaker = strategy === "cost" ? duration : cost;
  const order = measured.slice().sort((a, b) =>
    (sizes[b].isSound - sizes[a].isSound) || (score(a) - score(b)) || (tieBreaker(a) - tieBreaker(b)));
  return order.map((at) => ({ at, score: score(at) }));
}

/** The range of an axis from 0 on, or a logarithmic one if the values differ by more than a factor of 30. */
function scaleOf(values) {
  const positive = values.filter((value) => value > 0);
  if (!positive.length) return { range: () => [0, 1] };
  const low = Math.min(...positive), high = Math.max(...positive);
  return high / low > 30 ? { distr: 3, range: () => [low / 1.3, high * 1.3] } : { range: () => [0, high * 1.08] };
}

/** The range of an axis around the values, with room for labels. */
function scaleAround(values) {
  if (!values.length) return { range: () => [0, 1] };
  const low = Math.min(...values), high = Math.max(...values);
  if (low > 0 && high / low > 4) return { distr: 3, range: () => [low / (high / low) ** 0.12, high * (high / low) ** 0.12] };
  const room = (high - low) * 0.15 || high * 0.1 || 1;
  return { range: () => [low - room, high + room] };
}

/** What an axis of this scale has more: round numbers where it is logarithmic. */
function ticksOf(scale) {
  if (scale.distr !== 3) return {};
  const [low, high] = scale.range();
  const powers = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) powers.push(power);
  const steps = powers.length > 4 ? [1] : [1, 2, 5];
  const all = powers.flatMap((power) => steps.map((step) => Number((step * 10 ** power).toPrecision(1))));
  const ticks = all.filter((tick) => tick >= low && tick <= high);
  return { splits: () => ticks, filter: (u, splits) => splits, values: (u, splits) => splits.map((tick) => tick.toLocaleString("en")) };
}

const charts = [];
/** Makes a chart that follows the width of its place and the colours of the page. */
function chart(place, title, note, height, options, values, draw) {
  const text = "Chart: " + title + ". The table has its figures.";
  const box = make("div", { role: "img", "aria-label": text });
  place.append(make("div", {}, make("h3", {}, title), make("div", { class: "dim" }, note), box));
  const axis = (more) => ({
    stroke: () => color("dim"), grid: { stroke: () => color("line"), width: 1 }, ticks: { show: false },
    font: "12px system-ui, sans-serif", ...more,
  });
  const plot = new uPlot({
    width: 300, height, cursor: { y: false, drag: { x: false, y: false } },
    scales: options.scales, axes: options.axes.map(axis), series: options.series,
    legend: { live: true }, hooks: { draw: [(u) => { u.ctx.save(); draw(u, u.ctx, devicePixelRatio); u.ctx.restore(); }] },
  }, values, box);
  const fit = () => { if (box.clientWidth) plot.setSize({ width: box.clientWidth, height }); };
  new ResizeObserver(fit).observe(box);
  fit();
  charts.push(plot);
  return plot;
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach((plot) => plot.redraw(false, true)));

const none = () => null;
/** A series that `draw` draws; uPlot shows its name, its colour and its value under the cursor. */
const series = (label, name, value) => ({
  label, stroke: () => color(name), fill: () => color(name), paths: none, points: { show: false }, value,
});

function bar(ctx, x, low, high, cap, width) {
  ctx.lineWidth = width;
  ctx.beginPath();
  ctx.moveTo(x, low); ctx.lineTo(x, high);
  ctx.moveTo(x - cap, low); ctx.lineTo(x + cap, low);
  ctx.moveTo(x - cap, high); ctx.lineTo(x + cap, high);
  ctx.stroke();
}

function disc(ctx, x, y, radius) {
  ctx.beginPath(); ctx.arc(x, y, radius, 0, 2 * Math.PI); ctx.fill();
}

/** Draws the average of a size with its interval; the best one in its own colour. */
function mean(u, ctx, ratio, x, value, low, high, isBest, isHollow) {
  const y = (of) => u.valToPos(Math.max(of, u.scales.y.min), "y", true);
  ctx.strokeStyle = ctx.fillStyle = color(isBest ? "best" : "mean");
  if (isKnown(low) && isKnown(high)) bar(ctx, x, y(low), y(high), 6 * ratio, 2 * ratio);
  disc(ctx, x, y(value), (isBest ? 6 : 4.5) * ratio);
  if (isHollow) { ctx.fillStyle = color("card"); disc(ctx, x, y(value), 2.5 * ratio); }
}

/** One column for each size, measured or proposed: averages, invocations and predictions. */
function bySize(place, section, state, what) {
  const { sizes, proposals, dots } = section;
  const columns = [
    ...sizes.map((size, at) => ({ memory: size.memory, at, value: size[what.field], low: size[what.field + "Low"], high: size[what.field + "High"] })),
    ...proposals.filter((proposal) => !sizes.some((size) => size.memory === proposal.memorySizeMB)).map((proposal) => ({
      memory: proposal.memorySizeMB, predicted: proposal[what.predicted], low: proposal[what.predictedLow], high: proposal[what.predictedHigh] })),
  ].sort((a, b) => a.memory - b.memory);
  const columnOf = new Map(columns.map((column, x) => [column.at, x]));
  const points = dots.map((dot) => ({ x: columnOf.get(dot[0]), value: what.of(dot, sizes[dot[0]]), isCold: dot[3] === 1 })).filter((point) => isKnown(point.value));
  const scaled = (value) => isKnown(value) ? value * what.factor : null;
  const all = [...points.map((point) => point.value), ...columns.flatMap((column) => [column.value, column.low, column.high, column.predicted])];
  const rows = [
    columns.map((_, x) => x),
    columns.map((column) => scaled(column.value)),
  ];
  const interval = (column) => isKnown(column.low) && isKnown(column.high) ? ` (${figure(scaled(Math.max(column.low, 0)))} to ${figure(scaled(column.high))})` : "";
  const list = [
    { label: "size", value: (u, x) => isKnown(x) ? columns[x].memory + " MB" : "" },
    series("average", "mean", (u, value, at, x) => isKnown(value) ? figure(value) + " " + what.unit + interval(columns[x]) : ""),
  ];
  for (const [cold, label, name] of [[false, "invocation", "warm"], [true, "cold start", "cold"]]) {
    if (!points.some((point) => point.isCold === cold)) continue;
    list.push(series(label, name, () => ""));
    rows.push(columns.map(() => null));
  }
  if (columns.some((column) => isKnown(column.predicted))) {
    list.push(series("predicted, not measured", "predicted", (u, value, at, x) => isKnown(value) ? figure(value) + " " + what.unit + interval(columns[x]) : ""));
    rows.push(columns.map((column) => scaled(column.predicted)));
  }
  const count = columns.length;
  const scale = scaleOf(all.map(scaled).filter(isKnown));
  return chart(place, what.title, what.note, 300, {
    scales: { x: { time: false, range: () => [-0.6, count - 0.4] }, y: scale },
    axes: [
      { splits: () => rows[0], values: (u) => rows[0].map((x) => x % Math.ceil(42 * count / u.width) === 0 ? String(columns[x].memory) : ""), grid: { show: false }, size: 30 },
      { size: 58, ...ticksOf(scale) },
    ],
    series: list,
  }, rows, (u, ctx, ratio) => {
    const x = (column) => u.valToPos(column, "x", true);
    const width = x(1) - x(0);
    if (isKnown(state.best)) {
      ctx.fillStyle = color("band");
      ctx.fillRect(x(columnOf.get(state.best)) - width * 0.45, u.bbox.top, width * 0.9, u.bbox.height);
    }
    ctx.beginPath(); ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height); ctx.clip();
    ctx.globalAlpha = points.length > 600 ? 0.35 : 0.6;
    points.forEach((point, at) => {
      // Warm ones at the left of the average and cold ones at its right, spread evenly and always in the same way.
      const spread = 0.06 + 0.32 * ((at * 0.6180339887) % 1);
      ctx.fillStyle = color(point.isCold ? "cold" : "warm");
      disc(ctx, x(point.x) + (point.isCold ? spread : -spread) * width, u.valToPos(scaled(point.value), "y", true), 2.2 * ratio);
    });
    ctx.globalAlpha = 1;
    columns.forEach((column, at) => {
      if (isKnown(column.value)) {
        mean(u, ctx, ratio, x(at), scaled(column.value), scaled(column.low), scaled(column.high), column.at === state.best, !sizes[column.at].isSound);
      } else if (isKnown(column.predicted)) {
        ctx.strokeStyle = ctx.fillStyle = color("predicted");
        ctx.setLineDash([4 * ratio, 3 * ratio]);
        bar(ctx, x(at), u.valToPos(scaled(column.low), "y", true), u.valToPos(scaled(column.high), "y", true), 6 * ratio, 1.5 * ratio);
        ctx.setLineDash([]);
        disc(ctx, x(at), u.valToPos(scaled(column.predicted), "y", true), 4.5 * ratio);
        ctx.fillStyle = color("card");
        disc(ctx, x(at), u.valToPos(scaled(column.predicted), "y", true), 2.5 * ratio);
      }
    });
  });
}

/** Cost against duration: what a size gives and what it takes. */
function front(place, section, state) {
  const shown = section.sizes.map((size, at) => ({ size, at })).filter(({ size }) => isKnown(size.cost) && isKnown(size.duration))
    .sort((a, b) => a.size.duration - b.size.duration);
  const ends = (field) => shown.flatMap(({ size }) => [size[field], size[field + "Low"], size[field + "High"]]).filter(isKnown);
  const costs = scaleAround(ends("cost").map((cost) => cost * 1e6)), durations = scaleAround(ends("duration"));
  chart(place, "Cost against duration", `${section.currency} per million by ms; the lower left is the best. Filled: on the Pareto front, so no other size is both cheaper and faster.`, 300, {
    scales: { x: { time: false, ...durations }, y: costs },
    axes: [{ size: 30, ...ticksOf(durations) }, { size: 58, ...ticksOf(costs) }],
    series: [
      { label: "duration", value: (u, value, at, x) => isKnown(x) ? figure(shown[x].size.duration) + " ms" : "" },
      series("cost", "mean", (u, value, at, x) => isKnown(x) ? `${figure(value)} ${section.currency} per million at ${shown[x].size.memory} MB` : ""),
    ],
  }, [shown.map(({ size }) => size.duration), shown.map(({ size }) => size.cost * 1e6)], (u, ctx, ratio) => {
    const boxes = [];
    ctx.font = `${12 * ratio}px system-ui, sans-serif`;
    ctx.textAlign = "left";
    ctx.textBaseline = "middle";
    for (const { size, at } of shown) {
      const x = u.valToPos(size.duration, "x", true), y = u.valToPos(size.cost * 1e6, "y", true);
      const isBest = at === state.best;
      ctx.strokeStyle = color(isBest ? "best" : "mean");
      ctx.lineWidth = 1.2 * ratio;
      const end = (value, axis) => u.valToPos(Math.max(value, u.scales[axis].min), axis, true);
      ctx.beginPath();
      if (isKnown(size.durationLow)) { ctx.moveTo(end(size.durationLow, "x"), y); ctx.lineTo(end(size.durationHigh, "x"), y); }
      if (isKnown(size.costLow)) { ctx.moveTo(x, end(size.costLow * 1e6, "y")); ctx.lineTo(x, end(size.costHigh * 1e6, "y")); }
      ctx.stroke();
      ctx.fillStyle = color(isBest ? "best" : "mean");
      disc(ctx, x, y, (isBest ? 7 : 5) * ratio);
      if (!size.isOnFront) { ctx.fillStyle = color("card"); disc(ctx, x, y, (isBest ? 4.5 : 3) * ratio); }
      boxes.push([x - 7 * ratio, y - 7 * ratio, x + 7 * ratio, y + 7 * ratio]);
    }
    // A label goes where it covers nothing, or is left out.
    for (const { size, at } of shown) {
      const x = u.valToPos(size.duration, "x", true), y = u.valToPos(size.cost * 1e6, "y", true);
      const text = size.memory + " MB", width = ctx.measureText(text).width, gap = 9 * ratio, half = 8 * ratio;
      const middle = x - width / 2;
      const places = [[middle, y - 2 * gap], [middle, y + 2 * gap], [x + gap, y], [x - gap - width, y], [x + gap, y - gap], [x - gap - width, y + gap]];
      const free = places.find(([left, line]) => left > u.bbox.left && left + width < u.bbox.left + u.bbox.width && line - half > u.bbox.top && line + half < u.bbox.top + u.bbox.height
        && boxes.every(([l, t, r, b]) => left > r || left + width < l || line - half > b || line + half < t));
      if (!free) continue;
      ctx.fillStyle = color(at === state.best ? "best" : "text");
      ctx.fillText(text, free[0], free[1]);
      boxes.push([free[0], free[1] - half, free[0] + width, free[1] + half]);
    }
  });
}

/** Colours from dark to light, one for each of the sizes in their order. */
const ramp = (at, count) => `hsl(${Math.round(265 - 225 * (count > 1 ? at / (count - 1) : 0))} 70% 50%)`;

/** What a figure of each size was in each run. */
function history(place, section, what) {
  const runs = section.history;
  const isDated = runs.every((run) => isKnown(run.time)) && new Set(runs.map((run) => run.time)).size === runs.length;
  const memories = [...new Set(runs.flatMap((run) => run.sizes.map((size) => size.memory)))].sort((a, b) => a - b);
  const sizeOf = (run, memory) => run.sizes.find((size) => size.memory === memory) || {};
  const xs = runs.map((run, at) => isDated ? run.time : at);
  const scaled = (value) => isKnown(value) ? value * what.factor : null;
  const rows = [xs, ...memories.map((memory) => runs.map((run) => scaled(sizeOf(run, memory)[what.field])))];
  const margin = (xs[xs.length - 1] - xs[0]) * 0.08;
  const gap = 3.5;
  // In UTC, as in the records; with the hour if the runs are of a few days.
  const isShort = xs[xs.length - 1] - xs[0] < 4 * 86400;
  const day = (time) => new Date(time * 1000).toISOString().slice(isShort ? 5 : 0, isShort ? 16 : 10).replace("T", " ");
  const scale = scaleOf(runs.flatMap((run) => run.sizes.flatMap((size) => ["", "Low", "High"].map((end) => scaled(size[what.field + end])))).filter(isKnown));
  chart(place, what.title, what.note + " Runs are not joined: nothing was measured between them.", 300, {
    scales: {
      x: { time: isDated, range: () => [xs[0] - margin, xs[xs.length - 1] + margin] },
      y: scale,
    },
    axes: [isDated ? { space: 90, size: 30, values: (u, times) => times.map(day) } : { size: 30, splits: () => xs, values: () => runs.map((run) => run.name) }, { size: 58, ...ticksOf(scale) }],
    series: [
      { label: "run", value: (u, value, at, x) => isKnown(x) ? runs[x].name : "" },
      ...memories.map((memory, at) => ({
        label: memory + " MB", stroke: ramp(at, memories.length), fill: ramp(at, memories.length), paths: none, points: { show: false },
        value: (u, value) => isKnown(value) ? figure(value) : "",
      })),
    ],
  }, rows, (u, ctx, ratio) => {
    memories.forEach((memory, at) => {
      if (!u.series[at + 1].show) return;
      ctx.strokeStyle = ctx.fillStyle = ramp(at, memories.length);
      runs.forEach((run, x) => {
        const size = sizeOf(run, memory);
        if (!isKnown(size[what.field])) return;
        // Sizes stand side by side, so that their intervals can be told apart.
        const left = u.valToPos(xs[x], "x", true) + (at - (memories.length - 1) / 2) * gap * ratio;
        const y = (value) => u.valToPos(Math.max(scaled(value), u.scales.y.min), "y", true);
        const low = size[what.field + "Low"], high = size[what.field + "High"];
        if (isKnown(low) && isKnown(high)) bar(ctx, left, y(low), y(high), 2 * ratio, 1.2 * ratio);
        disc(ctx, left, y(size[what.field]), 3.5 * ratio);
      });
    });
  });
}

const words = { best: "best", equivalent: "as good", worse: "worse", undecided: "unclear" };

/** Fills the table in the order of the memory, with the ranks under the present strategy. */
function fill(body, section, state) {
  const { sizes, original } = section;
  const ranks = new Map(state.ranking.map(({ at, score }, rank) => [at, { rank: rank + 1, score }]));
  const before = sizes.find((size) => size.memory === original);
  body.replaceChildren(...sizes.map((size, at) => {
    const around = (value, low, high, factor) => !isKnown(value) ? "–"
      : figure(value * factor) + (isKnown(low) && isKnown(high) ? " ± " + fixed((high - low) / 2 * factor, digits(value * factor)) : "");
    const standing = ranks.get(at);
    const notes = [
      size.outOfMemoryErrors > 0 ? "out of memory" : !size.isSound ? "fails" : "",
      size.memory === original ? "today's size" : "",
      section.chosen && section.chosen.isSelected && section.chosen.memory === size.memory ? "selected" : "",
      size.isOnFront ? "Pareto front" : "",
      state.isRecorded && isKnown(size.verdict) ? words[size.verdict] : "",
    ].filter(Boolean);
    const cells = [
      size.memory, standing ? standing.rank : "–", around(size.duration, size.durationLow, size.durationHigh, 1),
      isKnown(size.p95) ? figure(size.p95) : "–", around(size.cost, size.costLow, size.costHigh, 1e6),
      ...(before ? [change(section, size.memory, "cost"), change(section, size.memory, "duration")] : []),
      ...counts(section).map((count) => size[count.field]),
    ];
    const row = make("tr", at === state.best ? { class: "best" } : {}, ...cells.map((cell) => make("td", {}, String(cell))));
    row.children[1].after(make("td", { class: "words" + (size.isSound ? "" : " bad") }, notes.join(", ")));
    row.dataset.memory = size.memory;
    if (standing) Object.assign(row.dataset, { rank: standing.rank, score: standing.score });
    return row;
  }));
}

/** What is counted of the sizes, unless it is zero at each. */
const counts = (section) => [
  { field: "invocations", name: "invocations" }, { field: "coldStarts", name: "cold starts" }, { field: "errors", name: "errors" },
].filter((count) => section.sizes.some((size) => size[count.field] > 0));

/** What a size changes against the one before the run, if both are known. */
function change(section, memory, field) {
  const sizeOf = (memory) => section.sizes.find((size) => size.memory === memory) || {};
  const before = sizeOf(section.original)[field], after = sizeOf(memory)[field];
  return section.original !== memory && before > 0 && isKnown(after) ? share(after / before - 1) : "";
}

/** What lpt-select chose, or chooses if it is told nothing else, and how sure that is. */
function verdict(section) {
  const { chosen, original } = section;
  if (!chosen) return make("p", { class: "verdict" }, "No size can be selected: at each one the function fails or has no result.");
  const text = make("p", { class: "verdict" }, make("b", {}, chosen.memory + " MB"), chosen.isSelected ? " is selected by " : " is the best by ", chosen.strategy);
  if (chosen.strategy === "balanced") text.append(` (weight of cost ${chosen.balancedWeight})`);
  const cost = change(section, chosen.memory, "cost"), duration = change(section, chosen.memory, "duration");
  if (original === chosen.memory) text.append(", the size that the function has");
  if (cost && duration) text.append(`: cost ${cost} and duration ${duration} against ${original} MB, today's size`);
  text.append(". ");
  if (chosen.certain === true && isKnown(chosen.confidence)) text.append(`That no other size is better by more than the tolerance is certain to at least ${atLeast(chosen.confidence)} %. `);
  if (chosen.certain === false) text.append("It is not certain: more invocations would tell. ");
  if (chosen.indistinguishableFrom.length) text.append(`It can't be told apart from ${chosen.indistinguishableFrom.join(", ")} MB. `);
  if (isKnown(chosen.monthlySavings)) text.append(`It saves ${figure(chosen.monthlySavings)} ${section.currency} in a month. `);
  return text;
}

function draw(section, index) {
  const state = { best: null, ranking: [] };
  const element = make("section", { id: "f" + index });
  const name = section.name + (section.group ? ` (${section.group})` : "");
  const starts = { warm: " Only warm starts are in the averages.", cold: " Only cold starts are in the averages.", all: "" }[section.starts];
  const rate = isKnown(section.coldStartRate) ? ` Cold starts are weighed as ${fixed(section.coldStartRate * 100, 2)} % of all.` : "";
  element.append(
    make("h2", {}, name, " ", make("span", { class: "dim" }, section.architecture)),
    make("div", { class: "dim" }, section.arn),
    make("div", { class: "dim" }, `Run: ${section.run}.${starts}${rate}`),
    verdict(section),
  );

  const slider = make("input", { type: "range", min: "0", max: "1", step: "0.01", "aria-label": "weight of cost" });
  slider.value = section.strategy === "speed" ? 0 : section.strategy === "cost" ? 1 : section.balancedWeight;
  const output = make("output", {});
  element.append(make("div", { class: "strategy" },
    make("div", { class: "ends" }, make("span", {}, "speed"), slider, make("span", {}, "cost")), output));

  const level = isKnown(section.confidence) ? `Bars: ${Number((section.confidence * 100).toFixed(4))} % intervals.` : "";
  const grid = make("div", { class: "charts" });
  element.append(grid);
  main.append(element);
  const plots = [
    { title: "Duration by size", note: `ms by MB. ${level}`, field: "duration", factor: 1, unit: "ms",
      predicted: "predictedDurationMs", predictedLow: "predictedDurationLowMs", predictedHigh: "predictedDurationHighMs", of: (dot) => dot[1] },
    { title: "Cost by size", note: `${section.currency} per million invocations, by MB. ${level}`, field: "cost", factor: 1e6, unit: section.currency,
      predicted: "predictedCost", predictedLow: "predictedCostLow", predictedHigh: "predictedCostHigh", of: (dot, size) => isKnown(size.rate) ? dot[2] * size.rate : null },
  ].map((what) => bySize(grid, section, state, what));
  front(grid, section, state);
  plots.push(charts[charts.length - 1]);
  if (section.history.length) {
    history(grid, section, { title: "Cost over time", note: `${section.currency} per million invocations.`, field: "cost", factor: 1e6 });
    history(grid, section, { title: "95th percentile of the duration over time", note: "ms.", field: "p95", factor: 1 });
  }

  const count = section.dotCounts.reduce((a, b) => a + b, 0);
  if (count) {
    const shown = section.dots.length;
    element.append(make("p", { class: "dim" }, shown < count
      ? `${shown} of ${count} invocations are dots: of each size up to the same number, drawn at random.`
      : `Each of ${count} invocations is a dot.`));
  }
  const before = section.sizes.some((size) => size.memory === section.original);
  const head = ["memory MB", "rank", "", "duration ms", "p95 ms", `${section.currency} per million`,
    ...(before ? ["cost vs today", "duration vs today"] : []), ...counts(section).map((count) => count.name)];
  const body = make("tbody");
  element.append(make("div", { class: "scroll" }, make("table", { class: "sizes" },
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))), body)));
  if (isKnown(section.requestCost)) {
    element.append(make("p", { class: "dim" }, `A million requests cost ${Number(million(section.requestCost))} ${section.currency} more, at each size.`));
  }

  const rank = (strategy, weight) => {
    // The verdicts of the records say nothing of another strategy.
    state.isRecorded = strategy === section.strategy && (strategy !== "balanced" || weight === section.balancedWeight);
    state.ranking = ranking(section.sizes, strategy, weight);
    const first = state.ranking[0];
    state.best = first && section.sizes[first.at].isSound ? first.at : null;
    const size = section.sizes[state.best];
    const by = strategy === "balanced" ? `balanced, weight of cost ${weight}` : strategy;
    const figures = size ? `: ${figure(size.objectiveDuration)} ms${section.objective === "mean" ? "" : " (" + section.objective + ")"}, ${million(size.cost)} ${section.currency} per million` : "";
    output.replaceChildren(`By ${by}: `, make("b", {}, size ? size.memory + " MB" : "no size works"), figures);
    output.dataset.best = size ? size.memory : "";
    fill(body, section, state);
    plots.forEach((plot) => plot.redraw(false));
  };
  slider.addEventListener("input", () => {
    const weight = slider.valueAsNumber;
    rank(weight === 0 ? "speed" : weight === 1 ? "cost" : "balanced", weight);
  });
  rank(section.strategy, section.balancedWeight);
}

if (data.functions.length > 1) {
  const rows = data.functions.map((section, index) => {
    const { chosen } = section;
    const link = make("a", { href: "#f" + index }, section.name + (section.group ? ` (${section.group})` : ""));
    const size = chosen && section.sizes.find((size) => size.memory === chosen.memory);
    const cells = size
      ? [size.memory, figure(size.duration), million(size.cost) + " " + section.currency, change(section, size.memory, "cost"), change(section, size.memory, "duration")]
      : ["–", "", "", "", ""];
    return make("tr", {}, make("td", {}, link, " ", make("span", { class: "dim" }, section.architecture)), ...cells.map((cell) => make("td", {}, String(cell))));
  });
  const head = ["function", "best MB", "duration ms", "cost per million", "cost change", "duration change"];
  main.append(make("div", { class: "overview" }, make("h1", {}, `${data.functions.length} functions`),
    make("div", { class: "scroll" }, make("table", { class: "sizes" }, make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))), make("tbody", {}, ...rows)))));
} else {
  document.title = data.functions[0].name + " – lpt report";
}
data.functions.forEach(draw);
