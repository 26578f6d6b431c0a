// The charts of the rows: the scatter plot in two columns, and the histogram of one.
const reach = Math.sqrt(-2 * Math.log(0.05));  // standard deviations within which a Gaussian of two columns has 95 %
const tails = data.tails;  // of Student components: degrees of freedom, the constant of the density in one column, and the reach
const reachOf = k => tails ? tails.reach[k] : reach;
const meanWeight = data.row_weights ? data.row_weights.reduce((a, b) => a + b, 0) / data.row_weights.length : 1;
const markerSize = (i, size) => data.row_weights ? Math.min(Math.max(size * Math.sqrt(data.row_weights[i] / meanWeight), 2), 40) : size;
const deviation = (k, j) => Math.sqrt(data.covariances[k][j][j]);
const weighty = components.filter(k => data.weights[k]);

function rowText(i, shown) {
  const ranked = parts.slice().sort((a, b) => data.responsibilities[i][b] - data.responsibilities[i][a]).slice(0, 4);
  return [
    `<b>${rowName(i)}</b>`,
    ...shown.map(axis => `${escaped(short(axis.name))} ${number(axis.values[i])}`),
    ...aboutRow(i).map(text => escaped(short(text))),
    ...ranked.map(k => `${escaped(nameOf(k))}: ${percent(data.responsibilities[i][k])}`),
  ].join("<br>");
}

// The ellipse that contains 95 % of a component: mean + reach L (cos t, sin t), L the Cholesky factor.
function ellipse(k, i, j) {
  const c = data.covariances[k], a = deviation(k, i), b = c[j][i] / a, d = Math.sqrt(Math.max(c[j][j] - b * b, 0));
  const turns = Array.from({ length: 121 }, (_, t) => t * Math.PI / 60);
  return {
    x: turns.map(t => data.means[k][i] + reachOf(k) * a * Math.cos(t)),
    y: turns.map(t => data.means[k][j] + reachOf(k) * (b * Math.cos(t) + d * Math.sin(t))),
  };
}

// The range of an axis: of all rows, hidden ones too, so that showing and hiding components does not move the others.
function range(axis, ellipses) {
  let low = Infinity, high = -Infinity;
  const include = v => { if (v !== null) { low = Math.min(low, v); high = Math.max(high, v); } };
  axis.values.forEach(include);
  if (ellipses) {
    for (const k of weighty) for (const side of [-reachOf(k), reachOf(k)]) include(data.means[k][axis.column] + side * deviation(k, axis.column));
    if (background && background.box) background.box[axis.column].forEach(include);
  }
  if (low > high) return [0, 1];
  const margin = 0.04 * (high - low) || 0.5 * Math.abs(high) || 0.5;
  return [low - margin, high + margin];
}

// Which colors the rows have, and in which order they are drawn: the last ones are above the others.
function paintOf(kind) {
  if (kind === "uncertainty") return {
    marker: mine => ({ color: mine.map(i => uncertainty[i]), coloraxis: "coloraxis" }), order: (a, b) => uncertainty[a] - uncertainty[b],
  };
  if (kind === "label") return {
    marker: mine => ({ color: mine.map(i => known.of_rows[i] < 0 ? css("--muted") : color(known.of_components.indexOf(known.of_rows[i]))) }),
    order: (a, b) => (known.of_rows[a] >= 0) - (known.of_rows[b] >= 0),
  };
  return { marker: (mine, k) => ({ color: color(k) }), order: () => 0 };
}

function colorAxis() {
  const bar = onPhone()
    ? { orientation: "h", y: 1.02, yanchor: "bottom", thickness: 9, title: { text: "uncertainty", side: "top", font: { size: 12 } } }
    : { thickness: 11, len: 0.6, outlinewidth: 0, title: { text: "uncertainty", side: "right", font: { size: 12 } } };
  return {
    cmin: 0, cmax: 1 - 1 / parts.length || 1, colorscale: [[0, css("--muted")], [1, css("--look")]],
    colorbar: { ...bar, nticks: 6, tickformat: ".1f", outlinewidth: 0 },
  };
}

function rowTraces(x, y, kind, isDrawn) {
  const n = groupOf.filter((_, i) => isDrawn(i)).length, size = n > 2000 ? 4 : n > 500 ? 5.5 : 7.5, paint = paintOf(kind);
  const alpha = kind !== "component" ? 0.9 : n > 2000 ? 0.5 : 0.75;
  return groups.flatMap(k => {
    const mine = groupOf.flatMap((group, i) => group === k && isDrawn(i) && (alive[k] || i === selected) ? [i] : []).sort(paint.order);
    return mine.length || alive[k] ? [{
      type: "scatter", mode: "markers", x: mine.map(i => x.values[i]), y: mine.map(i => y.values[i]),
      customdata: mine, text: mine.map(i => rowText(i, [x, y])), hovertemplate: "%{text}<extra></extra>",
      marker: {
        symbol: data.symbols[k], size: data.row_weights ? mine.map(i => markerSize(i, size)) : size,
        opacity: alpha, line: { width: k < components.length ? 0 : 1.2 }, ...paint.marker(mine, k),
      },
    }] : [];
  });
}

function componentTraces(i, j) {
  const traces = [];
  if (background && background.box && alive[components.length]) {
    const [left, right] = background.box[i], [bottom, high] = background.box[j];
    traces.push({
      type: "scatter", mode: "lines", x: [left, right, right, left, left], y: [bottom, bottom, high, high, bottom],
      line: { color: color(components.length), width: 1, dash: "dash" }, hoverinfo: "skip",
    });
  }
  for (const k of weighty.filter(k => alive[k])) {
    traces.push({ type: "scatter", mode: "lines", ...ellipse(k, i, j), line: { color: color(k), width: 2 }, hoverinfo: "skip" });
    traces.push({
      type: "scatter", mode: "markers+text", x: [data.means[k][i]], y: [data.means[k][j]], text: [`<b>${k}</b>`],
      marker: { size: printing ? 15 : 19, color: color(k), line: { width: 1.5, color: css("--page") } },
      textfont: { size: printing ? 9 : 12, color: data.inks[root.dataset.theme][k] }, hoverinfo: "skip",
    });
  }
  return traces;
}

// The sentences below the chart that are true of what it shows now.
function describe(kind, inColumns, lacking) {
  for (const sentence of document.querySelectorAll("[data-color]")) sentence.hidden = !sentence.dataset.color.split(" ").includes(kind);
  for (const sentence of document.querySelectorAll("[data-in-columns]")) sentence.hidden = !inColumns;
  if (at("absent")) at("absent").textContent = lacking === 0 ? "" : lacking === 1
    ? "1 row has no value on one of these axes and is not drawn." : `${whole(lacking)} rows have no value on one of these axes and are not drawn.`;
}

function drawScatter() {
  const x = axes[at("across").value], y = axes[at("up").value], kind = at("paint") ? at("paint").value : "component";
  const isDrawn = i => x.values[i] !== null && y.values[i] !== null;  // a missing cell is null
  const inColumns = x.column !== undefined && y.column !== undefined;
  describe(kind, inColumns, groupOf.filter((_, i) => !isDrawn(i)).length);
  const traces = rowTraces(x, y, kind, isDrawn);
  if (inColumns) traces.push(...componentTraces(x.column, y.column));
  if (selected !== null && isDrawn(selected)) {
    const ring = { symbol: "circle-open", size: 16, color: css("--ink"), line: { width: 2 } };
    traces.push({ type: "scatter", mode: "markers", x: [x.values[selected]], y: [y.values[selected]], marker: ring, hoverinfo: "skip" });
  }
  const top = kind === "uncertainty" && onPhone() ? { margin: { l: 12, r: 14, t: 64, b: 12 } } : {};
  draw("scatter", traces, layout(x.name, y.name, {
    ...top, coloraxis: colorAxis(), uirevision: `${at("across").value} ${at("up").value}`,  // a zoom lasts until the axes change
    xaxis: { range: range(x, inColumns) }, yaxis: { range: range(y, inColumns) },
  }));
}

function histogram(j) {
  const { edges, heights } = data.histograms[j];
  return {
    type: "bar", x: heights.map((_, i) => (edges[i] + edges[i + 1]) / 2), y: heights,
    width: heights.map((_, i) => edges[i + 1] - edges[i]), marker: { color: css("--bar"), line: { width: 0.5, color: css("--page") } },
    hovertemplate: "%{x:.4~g}: density %{y:.3~g}<extra>rows</extra>",
  };
}

function drawMarginal() {
  const j = Number(at("column").value), edges = data.histograms[j].edges, steps = 400;
  const low = Math.min(edges[0], ...weighty.map(k => data.means[k][j] - 3 * deviation(k, j)));
  const high = Math.max(edges[edges.length - 1], ...weighty.map(k => data.means[k][j] + 3 * deviation(k, j)));
  // A grid for everything, and points about each mean, so that no narrow component falls between two of the grid.
  const x = Array.from({ length: steps + 1 }, (_, i) => low + (high - low) * i / steps);
  for (const k of components) for (let z = -4; z <= 4; z += 0.25) x.push(data.means[k][j] + z * deviation(k, j));
  x.sort((a, b) => a - b);
  const shape = (k, z) => tails
    ? tails.constant[k] * Math.pow(1 + z * z / tails.degrees[k], -(tails.degrees[k] + 1) / 2)
    : Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
  const density = (k, v) => data.weights[k] * shape(k, (v - data.means[k][j]) / deviation(k, j)) / deviation(k, j);
  const traces = [histogram(j)];
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
    const y = x.map(v => density(k, v));
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
  draw("marginal", traces, layout(data.names[j], "density", {
    bargap: 0, uirevision: j, yaxis: { rangemode: "tozero" }, xaxis: { range: [low, high] },
  }));
}
