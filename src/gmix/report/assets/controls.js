// The controls of the page: axes, colors, components, the selected row, the theme, and buttons that copy.
function drawAll() { drawScatter(); drawMarginal(); drawCriteria(); drawHistory(); drawOptima(); }

function dress(theme) {
  root.dataset.theme = theme;
  at("theme").textContent = theme === "dark" ? "Light" : "Dark";
  at("theme").setAttribute("aria-label", theme === "dark" ? "Light colors" : "Dark colors");
  for (const spot of document.querySelectorAll("[data-component]")) spot.style.setProperty("--of", color(spot.dataset.component));
  for (const bar of document.querySelectorAll("[data-share-of]")) bar.style.background = color(bar.dataset.shareOf);
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

// A line with the probability that the selected row comes from a component.
function shareLine(k, p) {
  const line = element("div", "share"), track = element("span", "track"), bar = element("i", "");
  bar.style.width = `${100 * p}%`;
  bar.style.background = color(k);
  bar.dataset.shareOf = k;
  track.append(bar);
  line.append(element("span", "", k < components.length ? [k, labelOf(k)].join(" ").trim() : "background"), track, element("span", "", percent(p)));
  return line;
}

function select(i) {
  const panel = at("inspected");
  panel.replaceChildren();
  selected = i;
  if (i !== null) {
    const values = data.names.slice(0, 12).map((name, j) => `${name} ${number(data.values[j][i])}`);
    panel.append(element("p", "", `${rowName(i)}: ${[...values, ...aboutRow(i)].join(", ")}`));
    panel.classList.toggle("named", Boolean(background || known));
    const probable = parts.filter(k => parts.length <= 6 || data.responsibilities[i][k] >= 0.001);
    panel.append(...probable.map(k => shareLine(k, data.responsibilities[i][k])));
    if (probable.length < parts.length) panel.append(element("p", "", "Each other component has less than 0.1 %."));
    if ([at("across"), at("up")].some(axis => axes[axis.value].values[i] === null)) {
      panel.append(element("p", "", "The chart does not show this row, which has no value on one of its axes."));
    }
  }
  drawScatter();
}

// Select the row with the number in the field, or say why it cannot be shown.
function search(text) {
  const wanted = Number(text), i = text === "" ? null : data.rows.indexOf(wanted);
  select(i === -1 ? null : i);
  if (i !== -1) return;
  const exists = Number.isInteger(wanted) && wanted >= 0 && wanted < data.n_rows;
  at("inspected").textContent = exists
    ? `Row ${whole(wanted)} is not among the ${whole(data.rows.length)} rows of the chart.`
    : `There is no row ${text}: rows count from 0 to ${whole(data.n_rows - 1)}.`;
}

// The two axes differ: if one takes what the other shows, they change places.
function chooseAxes() {
  const now = { across: data.first[0], up: data.first.length > 1 ? data.first[1] : data.names.length };
  for (const id in now) {
    const kinds = [["Columns", axis => axis.column !== undefined], ["Of the mixture", axis => axis.column === undefined]];
    for (const [title, belongs] of kinds) {
      const group = document.createElement("optgroup");
      group.label = title;
      axes.forEach((axis, j) => { if (belongs(axis)) group.append(new Option(axis.name, j)); });
      at(id).append(group);
    }
    at(id).value = now[id];
    at(id).addEventListener("change", () => {
      const chosen = Number(at(id).value), other = id === "up" ? "across" : "up";
      if (chosen === now[other]) { now[other] = now[id]; at(other).value = now[other]; }
      now[id] = chosen;
      select(selected);
    });
  }
}

function chooseComponents() {
  for (const k of groups) {
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    box.checked = true;
    label.dataset.component = k;
    box.addEventListener("change", () => { alive[k] = box.checked; drawScatter(); drawMarginal(); });
    const name = k < components.length ? [k, short(labelOf(k))].join(" ").trim() : nameOf(k);
    const share = k < components.length ? percent(data.weights[k]) : background ? percent(background.weight) : `${whole(data.n_trimmed)} rows`;
    label.append(box, `${name} · ${share}`);
    at("components").append(label);
  }
}

function prepareCopying() {
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
}

async function unpack() {
  const packed = Uint8Array.from(atob(at("library").textContent), sign => sign.charCodeAt(0));
  const script = document.createElement("script");
  script.textContent = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  document.head.append(script);
  if (!window.Plotly) throw new Error("the charts' library did not start");
}

chooseAxes();
chooseComponents();
prepareCopying();
data.names.forEach((name, j) => at("column").add(new Option(name, j)));
at("column").value = data.first[0];
at("column").addEventListener("change", drawMarginal);
if (at("paint")) at("paint").addEventListener("change", drawScatter);
if (at("row")) at("row").addEventListener("input", () => search(at("row").value));
at("theme").addEventListener("click", () => {
  dress(root.dataset.theme === "dark" ? "light" : "dark");
  drawAll();
});
let waiting = 0;
addEventListener("resize", () => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => { if (!printing) drawAll(); });
});
dress(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
unpack().then(() => {
  drawAll();
  at("scatter").on("plotly_click", event => {
    const i = event.points[0].customdata;
    if (i === undefined) return;
    if (at("row")) at("row").value = data.rows[i];
    select(i);
  });
  root.dataset.ready = "yes";
}).catch(error => {
  at("failed").hidden = false;
  console.error(error);
});
