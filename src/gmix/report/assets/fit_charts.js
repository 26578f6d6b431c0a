// The charts of the fit: the candidates, the convergence of EM, and the local optima.
const candidateText = c => `<b>${escaped(c.structure)}, ${c.components} component${c.components === 1 ? "" : "s"}</b><br>${data.criterion} ${number(c.value ?? Infinity)}`
  + `<br>${data.other} ${number(c.other ?? Infinity)}${c.aside ? "<br>set aside" : ""}`;

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
      type: "scatter", mode: "lines+markers", name: escaped(code), x: mine.map(c => c.components), y: mine.map(c => c.value),
      line: { color: hue, width: code === best.structure ? 3 : 1.5, dash: dashes[Math.floor(i / palette.length) % 3] },
      marker: { size: 7, color: hue, symbol: mine.map(c => c.aside ? "circle-open" : "circle") },
      text: mine.map(candidateText),
      hovertemplate: "%{text}<extra></extra>",
    };
  });
  traces.push({
    type: "scatter", mode: "markers", x: [best.components], y: [best.value], showlegend: false, hoverinfo: "skip",
    marker: { symbol: "circle-open", size: 17, color: css("--ink"), line: { width: 2 } },
  });
  // The curve of the chosen structure sets the scale: one far above it would flatten the others.
  const mine = data.criteria.filter(c => c.structure === best.structure).map(c => c.value).filter(v => v !== null);
  const span = Math.max(...mine) - best.value || 1;
  draw("criteria", traces, layout("number of components", data.criterion, {
    yaxis: { range: [best.value - 0.12 * span, best.value + 1.12 * span] },
    showlegend: codes.length > 1, legend: { orientation: "h", y: 1.02, yanchor: "bottom", x: 0 }, xaxis: { dtick: 1 },
  }));
}

function drawHistory() {
  const x = data.history.map((_, i) => i);
  draw("history", [{
    type: "scatter", mode: x.length > 60 ? "lines" : "lines+markers", x, y: data.history, line: { color: color(0), width: 2 },
    marker: { size: 5 }, hovertemplate: "step %{x}: %{y:.6~g}<extra></extra>",
  }], layout("EM step", `${data.objective} per row`, { xaxis: { rangemode: "tozero", ...(x.length <= 12 ? { dtick: 1 } : {}) } }));
}

function drawOptima() {
  if (!at("optima")) return;
  const shown = data.optima.slice(0, 12), most = Math.max(...shown.map(o => o.times));
  const names = shown.map((o, i) => i ? number(Number(o.below.toPrecision(2))) : "best");
  const label = (o, i) => `<b>${i ? number(o.below) + " nats below the best" : "the best optimum"}</b><br>`
    + `${o.times} trial${o.times === 1 ? "" : "s"}${i && o.changed !== null ? `<br>${percent(o.changed)} of rows change component` : ""}`;
  draw("optima", [{
    type: "bar", x: shown.map((_, i) => i), y: shown.map(o => o.times), width: 0.6, text: shown.map(label), textposition: "none",
    marker: { color: shown.map((_, i) => i ? css("--bar") : color(0)) }, hovertemplate: "%{text}<extra></extra>",
  }], layout("nats below the best optimum", "trials", {
    xaxis: { tickvals: shown.map((_, i) => i), ticktext: names, range: [-0.6, Math.max(shown.length, 6) - 0.4], showgrid: false },
    yaxis: { dtick: Math.ceil(most / 6), rangemode: "tozero" },
  }));
}

// Structures by numbers of components, in the shades and with the text of the heat map of gmix.plot.criteria.
function drawHeatMap(best) {
  const cells = data.heat_map.cells, scale = data.heat_map.colors;
  const codes = [...new Set(cells.map(c => c.structure))];
  const counts = [...new Set(cells.map(c => c.components))].sort((a, b) => a - b);
  const place = (code, n) => cells.findIndex(c => c.structure === code && c.components === n);
  const grid = what => codes.map(code => counts.map(n => { const i = place(code, n); return i < 0 ? null : what(cells[i], data.criteria[i]); }));
  const x = counts.indexOf(best.components), y = codes.indexOf(best.structure), small = onPhone() || counts.length > 12;
  draw("criteria", [{
    type: "heatmap", x: counts.map(String), y: codes.map(escaped), z: grid(c => c.shade), text: grid((_, c) => candidateText(c)), hovertemplate: "%{text}<extra></extra>",
    zmin: 0, zmax: 1, colorscale: scale.map((hue, i) => [i / (scale.length - 1), hue]), showscale: false, xgap: 2, ygap: 2, hoverongaps: true,
  }], layout("number of components", "covariance structure", {
    title: { text: data.heat_map.title, x: 0, xref: "paper", font: { size: 13 } }, margin: { l: 12, r: 14, t: 34, b: 12 },
    xaxis: { type: "category", showgrid: false, showline: false, ticks: "" },
    yaxis: { type: "category", autorange: "reversed", showgrid: false, showline: false, ticks: "" },
    annotations: cells.map(c => ({
      x: counts.indexOf(c.components), y: codes.indexOf(c.structure), text: c.text, showarrow: false,
      font: { size: small ? 9 : 11, color: c.ink || css("--soft") },
    })),
    shapes: [{
      type: "rect", x0: x - 0.5, x1: x + 0.5, y0: y - 0.5, y1: y + 0.5, line: { color: data.palette.light[1], width: 2.5 },
    }],
  }));
}
