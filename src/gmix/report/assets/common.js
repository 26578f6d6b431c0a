// What the other scripts of the page share: the data, the components that are shown, and how numbers and names are written.
const data = JSON.parse(document.getElementById("data").textContent);
const at = id => document.getElementById(id);
const root = document.documentElement;
const components = data.weights.map((_, k) => k);
const background = data.background;  // its weight and its box in each column, or null
const known = data.labels;  // names of labels, and the positions of those of components and of rows; or null
const parts = background ? [...components, components.length] : components;  // what rows may come from
const groups = background || data.trimmed ? [...components, components.length] : components;  // what is drawn together
const alive = groups.map(() => true);
const groupOf = data.responsibilities.map((row, i) => data.trimmed && data.trimmed[i] ? components.length : row.indexOf(Math.max(...row)));
const uncertainty = data.responsibilities.map(row => 1 - Math.max(...row));
// What a row can be drawn by: its columns, and what the mixture says about it. With one component nothing is uncertain.
const axes = [
  ...data.names.map((name, j) => ({ name, values: data.values[j], column: j })),
  { name: "log density", values: data.log_density },
  ...(parts.length > 1 ? [{ name: "uncertainty", values: uncertainty }] : []),
];
let selected = null;  // the row whose probabilities are shown
let printing = false;

const onPhone = () => !printing && window.innerWidth < 640;
const escaped = text => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const short = text => text.length > 40 ? text.slice(0, 39) + "…" : text;
const percent = p => p > 0 && p < 0.001 ? "< 0.1 %" : (100 * p).toFixed(1) + " %";
const number = value => value === null ? "missing" : String(Number(value.toPrecision(5))).replace("-", "−").replace("Infinity", "∞");
const whole = value => value.toLocaleString("en");
const css = name => getComputedStyle(root).getPropertyValue(name).trim();
const color = k => data.colors[root.dataset.theme][k];
const faded = (k, alpha) => color(k) + Math.round(255 * alpha).toString(16).padStart(2, "0");
const labelOf = k => known && known.of_components[k] >= 0 ? known.names[known.of_components[k]] : "";
const nameOf = k => k < components.length ? `component ${k}${labelOf(k) ? `, ${short(labelOf(k))}` : ""}` : background ? "background" : "trimmed";
const rowName = i => data.rows ? `row ${whole(data.rows[i])}` : "a row";

// What else is known about a row: its label, its weight, and whether it is trimmed.
const aboutRow = i => [
  ...(known && known.of_rows[i] >= 0 ? [`label ${known.names[known.of_rows[i]]}`] : []),
  ...(data.row_weights ? [`weight ${number(data.row_weights[i])}`] : []),
  ...(data.trimmed && data.trimmed[i] ? ["trimmed"] : []),
];

function layout(across, up, more = {}) {
  const axis = title => ({
    title: { text: escaped(short(title)), standoff: 8 }, gridcolor: css("--grid"), zeroline: false,
    linecolor: css("--line"), tickcolor: css("--line"), ticks: "outside", ticklen: 4, automargin: true, showline: true,
    exponentformat: "power", separatethousands: true, minexponent: 4,
  });
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "closest",
    font: { family: css("--font"), size: printing ? 10 : 13, color: css("--soft") }, margin: { l: 12, r: 14, t: 14, b: 12 },
    hoverlabel: { bgcolor: css("--card"), bordercolor: css("--line"), font: { color: css("--ink"), size: 13 }, align: "left" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: css("--soft"), activecolor: css("--ink") },
    dragmode: onPhone() ? false : "zoom", separators: ".,", ...more,
    xaxis: { ...axis(across), ...more.xaxis }, yaxis: { ...axis(up), ...more.yaxis },
  };
}

function draw(id, traces, plan) {
  if (!window.Plotly) return;  // the library is being unpacked
  const { clientWidth: width, clientHeight: height } = at(id);  // stated, since Plotly would keep those of the first drawing
  const hasButtons = !printing && !onPhone() && ["scatter", "marginal"].includes(id);
  if (hasButtons) plan.margin = { ...plan.margin, t: 34 };  // so that they cover no row
  Plotly.react(id, traces, { ...plan, width, height }, {
    displaylogo: false, scrollZoom: false, displayModeBar: hasButtons ? "hover" : false,
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
    toImageButtonOptions: { format: "svg", filename: `gmix-${id}` },
  });
}
