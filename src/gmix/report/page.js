"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const at = id => document.getElementById(id);
const root = document.documentElement;
const components = data.weights.map((_, k) => k);
const background = data.background;  // its weight and its box in each column, or null
const known = data.labels;  // names of labels, and the positions of those of components and of rows; or null
const parts = background ? [...components, components.length] : components;  // what rows may come from
const groups = background || data.trimmed ? [...components, components.length] : components;  // what is drawn together
const labelOf = k => known && known.of_components[k] >= 0 ? known.names[known.of_components[k]] : "";
const called = k => k < components.length ? `component ${k}${labelOf(k) ? `, ${escaped(short(labelOf(k)))}` : ""}` : background ? "background" : "trimmed";
const alive = groups.map(() => true);
const labels = data.responsibilities.map((row, i) => data.trimmed && data.trimmed[i] ? components.length : row.indexOf(Math.max(...row)));
const uncertainty = data.responsibilities.map(row => 1 - Math.max(...row));
// What a row can be drawn by: its columns, and what the mixture says about it.
const axes = [
  ...data.names.map((name, j) => ({ name, values: data.values[j], column: j })),
  { name: "log density", values: data.log_density },
  { name: "uncertainty", values: uncertainty },
];
const onPhone = () => window.innerWidth < 640;
let kept = null;

const escaped = text => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const short = text => text.length > 40 ? text.slice(0, 39) + "…" : text;
const percent = p => p > 0 && p < 0.001 ? "< 0.1 %" : (100 * p).toFixed(1) + " %";
const number = value => value === null ? "missing" : String(Number(value.toPrecision(5))).replace("-", "−").replace("Infinity", "∞");
const color = k => data.colors[root.dataset.theme][k];
const css = name => getComputedStyle(root).getPropertyValue(name).trim();
const named = i => data.rows ? `row ${data.rows[i].toLocaleString("en")}` : "a row";
// What else is known about a row: its label, its weight, and whether it is trimmed.
const aboutRow = i => [
  ...(known && known.of_rows[i] >= 0 ? [`label ${known.names[known.of_rows[i]]}`] : []),
  ...(data.row_weights ? [`weight ${number(data.row_weights[i])}`] : []),
  ...(data.trimmed && data.trimmed[i] ? ["trimmed"] : []),
];
const meanWeight = data.row_weights ? data.row_weights.reduce((a, b) => a + b, 0) / data.row_weights.length : 1;
const magnified = (i, size) => data.row_weights ? Math.min(Math.max(size * Math.sqrt(data.row_weights[i] / meanWeight), 2), 40) : size;
const faded = (k, alpha) => color(k) + Math.round(255 * alpha).toString(16).padStart(2, "0");

function layout(across, up, more = {}) {
  const axis = title => ({
    title: { text: escaped(short(title)), standoff: 8 }, gridcolor: css("--grid"), zeroline: false,
    linecolor: css("--line"), tickcolor: css("--line"), ticks: "outside", ticklen: 4, automargin: true, showline: true,
    exponentformat: "power", separatethousands: true, minexponent: 4,
  });
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "closest",
    font: { family: css("--font"), size: 13, color: css("--soft") }, margin: { l: 12, r: 14, t: 14, b: 12 },
    hoverlabel: { bgcolor: css("--card"), bordercolor: css("--line"), font: { color: css("--ink"), size: 13 }, align: "left" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: css("--soft"), activecolor: css("--ink") },
    dragmode: onPhone() ? false : "zoom", separators: ".,", ...more,
    xaxis: { ...axis(across), ...more.xaxis }, yaxis: { ...axis(up), ...more.yaxis },
  };
}

function draw(id, traces, plan) {
  Plotly.react(id, traces, plan, {
    responsive: true, displaylogo: false, scrollZoom: false, displayModeBar: !onPhone() && ["scatter", "marginal"].includes(id) ? "hover" : false,
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
    toImageButtonOptions: { format: "svg", filename: `gmix-${id}` },
  });
}

function told(i) {
  const ranked = parts.slice().sort((a, b) => data.responsibilities[i][b] - data.responsibilities[i][a]).slice(0, 4);
  const lines = ranked.map(k => `${called(k)}: ${percent(data.responsibilities[i][k])}`);
  return `<b>${named(i)}</b><br>` + lines.join("<br>");
}

function hovered(i, shown) {
  const values = shown.map(axis => `<br>${escaped(short(axis.name))} ${number(axis.values[i])}`).join("");
  const more = aboutRow(i).map(text => `<br>${escaped(short(text))}`).join("");
  return told(i).replace("</b>", "</b>" + values + more);
}

// The ellipse that holds 95 % of a component: mean + sqrt(-2 log 0.05) L (cos t, sin t), L the Cholesky factor.
function ellipse(k, i, j) {
  const c = data.covariances[k], reach = Math.sqrt(-2 * Math.log(0.05));
  const a = Math.sqrt(c[i][i]), b = c[j][i] / a, d = Math.sqrt(Math.max(c[j][j] - b * b, 0));
  const turns = Array.from({ length: 121 }, (_, t) => t * Math.PI / 60);
  return {
    x: turns.map(t => data.means[k][i] + reach * a * Math.cos(t)),
    y: turns.map(t => data.means[k][j] + reach * (b * Math.cos(t) + d * Math.sin(t))),
  };
}

function drawScatter() {
  const x = axes[at("across").value], y = axes[at("up").value], paint = at("paint").value, unsure = paint === "uncertainty";
  const has = i => x.values[i] !== null && y.values[i] !== null;  // a missing cell is null
  const lacking = labels.filter((_, i) => !has(i)).length;
  if (at("absent")) at("absent").textContent = lacking === 0 ? "" : lacking === 1
    ? "1 row has no value on one of these axes and is not drawn." : `${lacking.toLocaleString("en")} rows have no value on one of these axes and are not drawn.`;
  const n = labels.length - lacking, size = n > 2000 ? 4 : n > 500 ? 5.5 : 7.5, traces = [];
  const most = 1 - 1 / parts.length;
  const byLabel = i => known.of_rows[i] < 0 ? css("--bar") : color(known.of_components.indexOf(known.of_rows[i]));
  for (const k of groups) {
    if (!alive[k]) continue;
    const mine = labels.flatMap((label, i) => label === k && has(i) ? [i] : []);
    if (paint === "label") mine.sort((a, b) => (known.of_rows[a] >= 0) - (known.of_rows[b] >= 0));  // labeled rows on top
    traces.push({
      type: "scatter", mode: "markers", x: mine.map(i => x.values[i]), y: mine.map(i => y.values[i]),
      customdata: mine, text: mine.map(i => hovered(i, x === y ? [x] : [x, y])), hovertemplate: "%{text}<extra></extra>",
      marker: {
        symbol: data.symbols[k], size: data.row_weights ? mine.map(i => magnified(i, size)) : size,
        opacity: paint !== "component" ? 0.9 : n > 2000 ? 0.5 : 0.75, line: { width: k < components.length ? 0 : 1.2 },
        ...(unsure
          ? { color: mine.map(i => uncertainty[i]), cmin: 0, cmax: most || 1, colorscale: [[0, css("--bar")], [1, css("--look")]] }
          : { color: paint === "label" ? mine.map(byLabel) : color(k) }),
      },
    });
  }
  if (x.column !== undefined && y.column !== undefined && x !== y) {
    if (background && background.box && alive[components.length]) {
      const [left, right] = background.box[x.column], [bottom, top] = background.box[y.column];
      traces.push({
        type: "scatter", mode: "lines", x: [left, right, right, left, left], y: [bottom, bottom, top, top, bottom],
        line: { color: color(components.length), width: 1, dash: "dash" }, hoverinfo: "skip",
      });
    }
    for (const k of components) {
      if (!alive[k] || !data.weights[k]) continue;
      const line = { color: color(k), width: 2 };
      traces.push({ type: "scatter", mode: "lines", ...ellipse(k, x.column, y.column), line, hoverinfo: "skip" });
      traces.push({
        type: "scatter", mode: "markers+text", x: [data.means[k][x.column]], y: [data.means[k][y.column]], text: [`<b>${k}</b>`],
        marker: { size: 19, color: color(k), line: { width: 1.5, color: css("--page") } },
        textfont: { size: 12, color: css("--page") }, hoverinfo: "skip",
      });
    }
  }
  if (kept !== null && has(kept)) {
    const ring = { symbol: "circle-open", size: 16, color: css("--ink"), line: { width: 2 } };
    traces.push({ type: "scatter", mode: "markers", x: [x.values[kept]], y: [y.values[kept]], marker: ring, hoverinfo: "skip" });
  }
  draw("scatter", traces, layout(x.name, y.name));
}

function drawMarginal() {
  const j = Number(at("column").value), { edges, heights } = data.histograms[j], steps = 400;
  const deviation = k => Math.sqrt(data.covariances[k][j][j]);
  const low = Math.min(edges[0], ...components.filter(k => data.weights[k]).map(k => data.means[k][j] - 3 * deviation(k)));
  const high = Math.max(edges[edges.length - 1], ...components.filter(k => data.weights[k]).map(k => data.means[k][j] + 3 * deviation(k)));
  // A grid for everything, and points about each mean, so that no narrow component falls between two of the grid.
  const x = Array.from({ length: steps + 1 }, (_, i) => low + (high - low) * i / steps);
  for (const k of components) for (let z = -4; z <= 4; z += 0.25) x.push(data.means[k][j] + z * deviation(k));
  x.sort((a, b) => a - b);
  const bell = (k, v) => data.weights[k] * Math.exp(-(((v - data.means[k][j]) / deviation(k)) ** 2) / 2) / (deviation(k) * Math.sqrt(2 * Math.PI));
  const traces = [{
    type: "bar", x: heights.map((_, i) => (edges[i] + edges[i + 1]) / 2), y: heights,
    width: heights.map((_, i) => edges[i + 1] - edges[i]), marker: { color: css("--bar"), line: { width: 0.5, color: css("--page") } },
    hovertemplate: "%{x:.4~g}: density %{y:.3~g}<extra>rows</extra>",
  }];
  const [begin, end] = background && background.box ? background.box[j] : [0, 0];
  const level = end > begin ? background.weight / (end - begin) : 0;
  const total = x.map(v => v >= begin && v <= end ? level : 0);
  if (level && alive[components.length]) {
    traces.push({
      type: "scatter", mode: "lines", x: [begin, begin, end, end], y: [0, level, level, 0], line: { color: color(components.length), width: 1.5, dash: "dash" },
      fill: "tozeroy", fillcolor: faded(components.length, 0.16), hovertemplate: `density ${number(level)}<extra>background</extra>`,
    });
  }
  for (const k of components) {
    const y = x.map(v => bell(k, v));
    y.forEach((v, i) => { total[i] += v; });
    if (!alive[k]) continue;
    const dash = ["solid", "dash", "dot"][["circle", "square", "triangle-up"].indexOf(data.symbols[k])];
    traces.push({
      type: "scatter", mode: "lines", x, y, line: { color: color(k), width: 2, dash }, fill: "tozeroy", fillcolor: faded(k, 0.16),
      hovertemplate: `%{x:.4~g}: density %{y:.3~g}<extra>component ${k}</extra>`,
    });
  }
  traces.push({
    type: "scatter", mode: "lines", x, y: total, line: { color: css("--ink"), width: 2 },
    hovertemplate: "%{x:.4~g}: density %{y:.3~g}<extra>mixture</extra>",
  });
  draw("marginal", traces, layout(data.names[j], "density", { bargap: 0, yaxis: { rangemode: "tozero" }, xaxis: { range: [low, high] } }));
}

function drawCriteria() {
  if (!at("criteria")) return;
  const codes = [...new Set(data.criteria.map(c => c.structure))], best = data.criteria.find(c => c.best);
  at("criteria").classList.toggle("tall", data.heat_map !== null);
  if (data.heat_map) return drawHeatMap(best);
  const palette = root.dataset.theme === "dark" ? data.palette.dark : data.palette.light;
  const dashes = ["solid", "dash", "dot"];
  const traces = codes.map((code, i) => {
    const mine = data.criteria.filter(c => c.structure === code);
    const hue = palette[i % palette.length];
    return {
      type: "scatter", mode: "lines+markers", name: code, x: mine.map(c => c.components), y: mine.map(c => c.value),
      line: { color: hue, width: code === best.structure ? 3 : 1.5, dash: dashes[Math.floor(i / palette.length) % 3] },
      marker: { size: 7, color: hue, symbol: mine.map(c => c.aside ? "circle-open" : "circle") },
      text: mine.map(c => `<b>${code}, ${c.components}</b><br>${data.criterion} ${number(c.value ?? Infinity)}<br>${data.other} ${number(c.other ?? Infinity)}${c.aside ? "<br>set aside" : ""}`),
      hovertemplate: "%{text}<extra></extra>",
    };
  });
  traces.push({
    type: "scatter", mode: "markers", x: [best.components], y: [best.value], showlegend: false, hoverinfo: "skip",
    marker: { symbol: "circle-open", size: 17, color: css("--ink"), line: { width: 2 } },
  });
  // The curve that wins sets the scale: one far above it would flatten the rest.
  const mine = data.criteria.filter(c => c.structure === best.structure).map(c => c.value).filter(v => v !== null);
  const span = Math.max(...mine) - best.value || 1;
  draw("criteria", traces, layout("components", data.criterion, {
    yaxis: { range: [best.value - 0.12 * span, best.value + 1.12 * span] },
    showlegend: codes.length > 1, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, xaxis: { dtick: 1 },
  }));
}

function drawHistory() {
  const x = data.history.map((_, i) => i);
  draw("history", [{
    type: "scatter", mode: x.length > 60 ? "lines" : "lines+markers", x, y: data.history, line: { color: color(0), width: 2 },
    marker: { size: 5 }, hovertemplate: "step %{x}: %{y:.6~g}<extra></extra>",
  }], layout("step", `${data.objective} per row`, { xaxis: { rangemode: "tozero" } }));
}

function drawOptima() {
  if (!at("optima")) return;
  const shown = data.optima.slice(0, 12), most = Math.max(...shown.map(o => o.times));
  const names = shown.map((o, i) => i ? `−${number(Number(o.below.toPrecision(2)))}` : "best");
  const label = (o, i) => `<b>${i ? number(o.below) + " nats below the best" : "the best optimum"}</b><br>`
    + `${o.times} trial${o.times === 1 ? "" : "s"}${i && o.changed !== null ? `<br>${percent(o.changed)} of rows change component` : ""}`;
  draw("optima", [{
    type: "bar", x: shown.map((_, i) => i), y: shown.map(o => o.times), width: 0.6, text: shown.map(label), textposition: "none",
    marker: { color: shown.map((_, i) => i ? css("--bar") : color(0)) }, hovertemplate: "%{text}<extra></extra>",
  }], layout("nats from the best", "trials", {
    xaxis: { tickvals: shown.map((_, i) => i), ticktext: names, range: [-0.6, Math.max(shown.length, 6) - 0.4], showgrid: false },
    yaxis: { dtick: Math.ceil(most / 6), rangemode: "tozero" },
  }));
}

// Structures by numbers of components, in the shades and with the text of the heat map of gmix.plot.criteria.
function drawHeatMap(best) {
  const cells = data.heat_map.cells, scale = data.heat_map.colors, dark = 0.6;
  const codes = [...new Set(cells.map(c => c.structure))];
  const counts = [...new Set(cells.map(c => c.components))].sort((a, b) => a - b);
  const place = (code, n) => cells.findIndex(c => c.structure === code && c.components === n);
  const grid = what => codes.map(code => counts.map(n => { const i = place(code, n); return i < 0 ? null : what(cells[i], data.criteria[i]); }));
  const hover = (cell, c) => `<b>${c.structure}, ${c.components}</b><br>${data.criterion} ${number(c.value ?? Infinity)}<br>${data.other} ${number(c.other ?? Infinity)}${c.aside ? "<br>set aside" : ""}`;
  const x = counts.indexOf(best.components), y = codes.indexOf(best.structure), small = onPhone() || counts.length > 12;
  draw("criteria", [{
    type: "heatmap", x: counts.map(String), y: codes, z: grid(c => c.shade), text: grid(hover), hovertemplate: "%{text}<extra></extra>",
    zmin: 0, zmax: 1, colorscale: scale.map((hue, i) => [i / (scale.length - 1), hue]), showscale: false, xgap: 2, ygap: 2, hoverongaps: true,
  }], layout("components", "structure", {
    title: { text: data.heat_map.title, x: 0, xref: "paper", font: { size: 13 } }, margin: { l: 12, r: 14, t: 34, b: 12 },
    xaxis: { type: "category", showgrid: false, showline: false, ticks: "" },
    yaxis: { type: "category", autorange: "reversed", showgrid: false, showline: false, ticks: "" },
    annotations: cells.map(c => ({
      x: counts.indexOf(c.components), y: codes.indexOf(c.structure), text: c.text, showarrow: false,
      font: { size: small ? 9 : 11, color: c.shade === null ? css("--soft") : c.shade > dark ? "#FFFFFF" : "#222222" },
    })),
    shapes: [{
      type: "rect", x0: x - 0.5, x1: x + 0.5, y0: y - 0.5, y1: y + 0.5, line: { color: data.palette.light[1], width: 2.5 },
    }],
  }));
}
function drawAll() { drawScatter(); drawMarginal(); drawCriteria(); drawHistory(); drawOptima(); }

function dress(theme) {
  root.dataset.theme = theme;
  at("theme").textContent = theme === "dark" ? "Light" : "Dark";
  at("theme").setAttribute("aria-label", theme === "dark" ? "Change to light colors" : "Change to dark colors");
  for (const spot of document.querySelectorAll("[data-component]")) spot.style.setProperty("--of", color(spot.dataset.component));
}

function inspect(i) {
  const panel = at("inspected");
  panel.replaceChildren();
  kept = i;
  if (i !== null) {
    const told = document.createElement("p");
    const values = data.names.slice(0, 12).map((name, j) => `${name} ${number(data.values[j][i])}`);
    told.textContent = `${named(i)}: ${[...values, ...aboutRow(i)].join(", ")}`;
    panel.append(told);
    panel.classList.toggle("named", Boolean(background || known));
    for (const k of parts) {
      const line = document.createElement("div"), track = document.createElement("span"), bar = document.createElement("i");
      const p = data.responsibilities[i][k];
      line.className = "share";
      track.className = "track";
      bar.style.width = `${100 * p}%`;
      bar.style.background = color(k);
      track.append(bar);
      const name = document.createElement("span"), share = document.createElement("span");
      name.textContent = k < components.length ? [k, labelOf(k)].join(" ").trim() : "background";
      share.textContent = percent(p);
      line.append(name, track, share);
      panel.append(line);
    }
  }
  drawScatter();
}

function choose() {
  for (const id of ["across", "up"]) axes.forEach((axis, j) => at(id).add(new Option(axis.name, j)));
  data.names.forEach((name, j) => at("column").add(new Option(name, j)));
  at("across").value = data.first[0];
  at("up").value = data.first.length > 1 ? data.first[1] : data.names.length;
  at("column").value = data.first[0];
  for (const id of ["across", "up", "paint"]) at(id).addEventListener("change", drawScatter);
  at("column").addEventListener("change", drawMarginal);
  for (const k of groups) {
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.checked = true;
    label.dataset.component = k;
    box.addEventListener("change", () => { alive[k] = box.checked; drawScatter(); drawMarginal(); });
    const name = k < components.length ? [k, short(labelOf(k))].join(" ").trim() : called(k);
    const share = k < components.length ? percent(data.weights[k]) : background ? percent(background.weight) : `${data.n_trimmed.toLocaleString("en")} rows`;
    label.append(box, `${name} · ${share}`);
    at("components").append(label);
  }
  const row = at("row");
  if (row) row.addEventListener("input", () => {
    const i = row.value === "" ? null : data.rows.indexOf(Number(row.value));
    inspect(i === -1 ? null : i);
    if (i === -1) at("inspected").textContent = `Row ${row.value} is not among those that are drawn.`;
  });
  for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", async () => {
    const text = at(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(text.textContent);
      button.textContent = "Copied";
    } catch {  // not allowed here: select it instead
      getSelection().selectAllChildren(text);
      button.textContent = "Selected";
    }
  });
  at("theme").addEventListener("click", () => {
    dress(root.dataset.theme === "dark" ? "light" : "dark");
    if (window.Plotly) { drawAll(); inspect(kept); }
  });
}

async function unpack() {
  const packed = Uint8Array.from(atob(at("library").textContent), sign => sign.charCodeAt(0));
  const script = document.createElement("script");
  script.textContent = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  document.head.append(script);
}

choose();
dress(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
unpack().then(() => {
  drawAll();
  at("scatter").on("plotly_click", event => {
    const i = event.points[0].customdata;
    if (i === undefined) return;
    if (at("row")) at("row").value = data.rows[i];
    inspect(i);
  });
  root.dataset.ready = "yes";
}).catch(error => {
  at("failed").hidden = false;
  console.error(error);
});
})();
